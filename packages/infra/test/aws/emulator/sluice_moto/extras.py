"""DNS names, parameters and endpoint services: what a template may contain with either engine."""

from moto.core.common_models import CloudFormationModel
from moto.ec2.models import ec2_backends
from moto.logs.responses import LogsResponse
from moto.route53.exceptions import InvalidInput
from moto.route53 import models as route53
from moto.route53.models import FakeZone
from moto.ssm.models import ssm_backends


class _Made:
    def __init__(self, physical_resource_id):
        self._id = physical_resource_id

    @staticmethod
    def cloudformation_name_type():
        return ""

    @property
    def physical_resource_id(self):
        return self._id


class Parameter(_Made, CloudFormationModel):
    @staticmethod
    def cloudformation_type():
        return "AWS::SSM::Parameter"

    @classmethod
    def create_from_cloudformation_json(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs):
        values = cloudformation_json["Properties"]
        ssm_backends[account_id][region_name].put_parameter(
            name=values["Name"],
            description=values.get("Description", ""),
            value=values["Value"],
            parameter_type=values["Type"],
            allowed_pattern="",
            keyid="",
            overwrite=True,
            tags=[],
            data_type="text",
            tier=None,
            policies=None,
        )
        return cls(values["Name"])

    @classmethod
    def update_from_cloudformation_json(
        cls, original_resource, new_resource_name, cloudformation_json, account_id, region_name
    ):
        if cloudformation_json["Properties"]["Name"] != original_resource._id:
            original_resource.delete(account_id, region_name)
        return cls.create_from_cloudformation_json(new_resource_name, cloudformation_json, account_id, region_name)

    def delete(self, account_id, region_name):
        ssm_backends[account_id][region_name].delete_parameter(self._id)


class EndpointService(_Made, CloudFormationModel):
    @staticmethod
    def cloudformation_type():
        return "AWS::EC2::VPCEndpointService"

    @classmethod
    def has_cfn_attr(cls, attr):
        return attr == "ServiceId"

    def get_cfn_attribute(self, attribute_name):
        return self._id

    @classmethod
    def create_from_cloudformation_json(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs):
        values = cloudformation_json["Properties"]
        made = ec2_backends[account_id][region_name].create_vpc_endpoint_service_configuration(
            values["NetworkLoadBalancerArns"], values.get("AcceptanceRequired", False), "", [], []
        )
        return cls(made.id)

    @classmethod
    def update_from_cloudformation_json(
        cls, original_resource, new_resource_name, cloudformation_json, account_id, region_name
    ):
        return original_resource

    def delete(self, account_id, region_name):
        ec2_backends[account_id][region_name].delete_vpc_endpoint_service_configurations([self._id])


class EndpointPermissions(_Made, CloudFormationModel):
    @staticmethod
    def cloudformation_type():
        return "AWS::EC2::VPCEndpointServicePermissions"

    @classmethod
    def create_from_cloudformation_json(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs):
        values = cloudformation_json["Properties"]
        ec2_backends[account_id][region_name].modify_vpc_endpoint_service_permissions(
            values["ServiceId"], values["AllowedPrincipals"], []
        )
        return cls(values["ServiceId"])

    @classmethod
    def update_from_cloudformation_json(
        cls, original_resource, new_resource_name, cloudformation_json, account_id, region_name
    ):
        return cls.create_from_cloudformation_json(new_resource_name, cloudformation_json, account_id, region_name)

    def delete(self, account_id, region_name):
        pass  # Deleted with their service.


def _refuse_beside_cname(zone, record):
    """DNS permits no other record beside a CNAME, and Route 53 refuses one."""
    name, kind = record["Name"].strip("."), record["Type"]
    others = [other.type for other in zone.rrsets if other.name.strip(".") == name and other.type != kind]
    if others and "CNAME" in [kind, *others]:
        raise InvalidInput(f"RRSet of type {kind} with DNS name {name}. conflicts with one of type {others[0]}")


def _refusing(change):
    def changed(self, record):
        _refuse_beside_cname(self, record)
        # Names from CloudFormation lack the final dot, which moto needs to find a record again.
        return change(self, {**record, "Name": record["Name"].rstrip(".") + "."})

    return changed


def _set_key(self, key):
    self.logs_backend.groups[self._get_param("logGroupName")].kms_key_id = key
    return ""


LogsResponse.associate_kms_key = lambda self: _set_key(self, self._get_param("kmsKeyId"))
LogsResponse.disassociate_kms_key = lambda self: _set_key(self, None)

_zone_id = route53.create_route53_zone_id
# Those of Route 53 start with a Z.
route53.create_route53_zone_id = lambda *args, **kwargs: f"Z{_zone_id(*args, **kwargs)}"

FakeZone.add_rrset = _refusing(FakeZone.add_rrset)
FakeZone.upsert_rrset = _refusing(FakeZone.upsert_rrset)
