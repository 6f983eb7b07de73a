"""Managed policies of a role in a template: moto omits them."""

import json

from moto.iam.models import ManagedPolicy, Role, iam_backends
from moto.logs.models import LogGroup

_create = Role.create_from_cloudformation_json.__func__
_delete = Role.delete_from_cloudformation_json.__func__


def _create_role(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs):
    made = _create(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs)
    for arn in cloudformation_json["Properties"].get("ManagedPolicyArns", []):
        iam_backends[account_id]["aws"].attach_role_policy(arn, made.name)
    return made


def _delete_role(cls, resource_name, cloudformation_json, account_id, region_name):
    for role in iam_backends[account_id]["aws"].roles.values():
        if role.name == resource_name:
            for policy in list(role.managed_policies.values()):
                policy.detach_from(role)
    return _delete(cls, resource_name, cloudformation_json, account_id, region_name)


Role.create_from_cloudformation_json = classmethod(_create_role)
Role.delete_from_cloudformation_json = classmethod(_delete_role)

# CloudFormation's Arn of a log group has this ending, which policies need.
LogGroup.get_cfn_attribute = lambda self, name: f"{self.arn}:*"


def _update_policy(cls, original_resource, new_resource_name, cloudformation_json, account_id, region_name):
    """moto has no update of a managed policy, and forgets the policy instead. IAM keeps five versions."""
    if len(original_resource.versions) >= 5:
        original_resource.versions.pop(0)
    iam_backends[account_id]["aws"].create_policy_version(
        original_resource.arn, json.dumps(cloudformation_json["Properties"]["PolicyDocument"]), True
    )
    return original_resource


ManagedPolicy.update_from_cloudformation_json = classmethod(_update_policy)
