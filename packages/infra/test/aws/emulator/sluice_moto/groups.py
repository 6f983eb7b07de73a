"""Outbound rules of security groups, inline and as separate resources, which moto's CloudFormation ignores."""

from moto.core.common_models import CloudFormationModel
from moto.ec2.models import ec2_backends
from moto.ec2.models.security_groups import SecurityGroup, SecurityGroupIngress


def _close(backend, group_id):
    """The first outbound rule of a template replaces the one that permits everything."""
    group = backend.get_security_group_from_id(group_id)
    group.egress_rules = [rule for rule in group.egress_rules if rule.ip_protocol != "-1"]


def _peer(properties):
    if "DestinationSecurityGroupId" in properties:
        return {"ip_ranges": [], "source_groups": [{"GroupId": properties["DestinationSecurityGroupId"]}]}
    return {"ip_ranges": [{"CidrIp": properties["CidrIp"]}], "source_groups": []}


_create_group = SecurityGroup.create_from_cloudformation_json.__func__


def _create_group_with_egress(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs):
    made = _create_group(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs)
    backend = ec2_backends[account_id][region_name]
    for rule in cloudformation_json["Properties"].get("SecurityGroupEgress", []):
        _close(backend, made.id)
        backend.authorize_security_group_egress(
            made.id, rule["IpProtocol"], rule.get("FromPort"), rule.get("ToPort"), **_peer(rule)
        )
    return made


SecurityGroup.create_from_cloudformation_json = classmethod(_create_group_with_egress)


class SecurityGroupEgress(CloudFormationModel):
    """AWS::EC2::SecurityGroupEgress."""

    def __init__(self, properties):
        self.properties = properties

    @staticmethod
    def cloudformation_name_type():
        return ""

    @staticmethod
    def cloudformation_type():
        return "AWS::EC2::SecurityGroupEgress"

    @property
    def physical_resource_id(self):
        return f"{self.properties['GroupId']}-{self.properties['FromPort']}"

    @classmethod
    def create_from_cloudformation_json(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs):
        made = cls(cloudformation_json["Properties"])
        backend = ec2_backends[account_id][region_name]
        _close(backend, made.properties["GroupId"])
        backend.authorize_security_group_egress(*made._rule(), **_peer(made.properties))
        return made

    @classmethod
    def update_from_cloudformation_json(
        cls, original_resource, new_resource_name, cloudformation_json, account_id, region_name
    ):
        original_resource.delete(account_id, region_name)
        return cls.create_from_cloudformation_json(new_resource_name, cloudformation_json, account_id, region_name)

    def delete(self, account_id, region_name):
        backend = ec2_backends[account_id][region_name]
        if backend.get_security_group_from_id(self.properties["GroupId"]) is not None:
            backend.revoke_security_group_egress(*self._rule(), **_peer(self.properties))

    def _rule(self):
        values = self.properties
        return values["GroupId"], values["IpProtocol"], int(values["FromPort"]), int(values["ToPort"])


def _ingress_id(self):
    return f"{self.security_group.id}-{self.properties.get('SourceSecurityGroupId')}-{self.properties['FromPort']}"


def _delete_ingress(self, account_id, region_name):
    """Only if it still exists; a missing rule is no error."""
    backend = ec2_backends[account_id][region_name]
    group = backend.get_security_group_from_id(self.security_group.id)
    source = {"GroupId": self.properties.get("SourceSecurityGroupId")}
    port = int(self.properties["FromPort"])
    for rule in group.ingress_rules if group is not None else []:
        if int(rule.from_port or -1) == port and source["GroupId"] in [
            other.get("GroupId") for other in rule.source_groups
        ]:
            backend.revoke_security_group_ingress(
                group.id, rule.ip_protocol, rule.from_port, rule.to_port, [], source_groups=[source]
            )
            return


# moto's has no id, and remains when its stack is deleted.
SecurityGroupIngress.physical_resource_id = property(_ingress_id)
SecurityGroupIngress.delete = _delete_ingress
