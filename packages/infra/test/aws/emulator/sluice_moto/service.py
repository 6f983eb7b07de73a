"""The parts of an ECS service behind a load balancer that moto omits in CloudFormation templates."""

from moto.core.responses import ActionResult
from moto.core.utils import pascal_to_camelcase, remap_nested_keys
from moto.ecs.models import Cluster, Service, TaskDefinition, ecs_backends
from moto.ecs.responses import EC2ContainerServiceResponse
from moto.elbv2.models import FakeListener, FakeLoadBalancer, FakeTargetGroup


def _tail(arn, kind):
    """CloudWatch's name of a load balancer or target group is the end of its ARN."""
    return arn.split(f":{kind}", 1)[1].removeprefix("/")


_balancer_attribute = FakeLoadBalancer.get_cfn_attribute


def _get_balancer_attribute(self, attribute_name):
    if attribute_name == "LoadBalancerFullName":
        return _tail(self.arn, "loadbalancer")
    if attribute_name == "CanonicalHostedZoneID":
        return self.canonical_hosted_zone_id
    return _balancer_attribute(self, attribute_name)


FakeLoadBalancer.get_cfn_attribute = _get_balancer_attribute
FakeTargetGroup.has_cfn_attr = classmethod(lambda cls, attr: attr in ["TargetGroupFullName", "TargetGroupArn"])
FakeTargetGroup.get_cfn_attribute = lambda self, name: (
    self.arn if name == "TargetGroupArn" else "targetgroup/" + _tail(self.arn, "targetgroup")
)


def _camel(value):
    return remap_nested_keys(value, pascal_to_camelcase)


def _create_service(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs):
    properties = cloudformation_json["Properties"]
    made = ecs_backends[account_id][region_name].create_service(
        properties["Cluster"],
        resource_name,
        properties.get("DesiredCount", 1),
        task_definition_str=properties["TaskDefinition"],
        load_balancers=_camel(properties.get("LoadBalancers", [])),
        launch_type=properties.get("LaunchType"),
        network_configuration=_camel(properties.get("NetworkConfiguration", {})),
    )
    return _with_capacity(made, properties)


def _with_capacity(service, properties):
    """How tasks are distributed and whether commands may be run in them, which moto does not store."""
    service.capacity_provider_strategy = _camel(properties.get("CapacityProviderStrategy", []))
    service.enable_execute_command = properties.get("EnableExecuteCommand", False)
    return service


def _update_service(cls, original_resource, new_resource_name, cloudformation_json, account_id, region_name):
    properties = cloudformation_json["Properties"]
    updated = ecs_backends[account_id][region_name].update_service(
        {
            "cluster": properties["Cluster"],
            "service": original_resource.name,
            "task_definition": properties["TaskDefinition"],
        }
    )
    return _with_capacity(updated, properties)


def _delete_service(self, account_id, region_name):
    """moto removes resources in any order, so the cluster may be gone before its service."""
    backend = ecs_backends[account_id][region_name]
    if self.cluster_name in backend.clusters:
        backend.delete_service(self.cluster_name, self.name, force=True)
    backend.services.pop(f"{self.cluster_name}:{self.name}", None)


Service.create_from_cloudformation_json = classmethod(_create_service)
Service.update_from_cloudformation_json = classmethod(_update_service)
Service.delete = _delete_service


def _update_task(cls, original_resource, new_resource_name, cloudformation_json, account_id, region_name):
    """Creates a new revision; services that refer to the old one get it, as with CloudFormation."""
    backend = ecs_backends[account_id][region_name]
    made = cls.create_from_cloudformation_json(new_resource_name, cloudformation_json, account_id, region_name)
    for service in list(backend.services.values()):
        if service.task_definition == original_resource.arn:
            backend.update_service(
                {"cluster": service.cluster_name, "service": service.name, "task_definition": made.arn}
            )
    backend.deregister_task_definition(original_resource.arn)
    return made


TaskDefinition.update_from_cloudformation_json = classmethod(_update_task)
TaskDefinition.delete = lambda self, account_id, region_name: None  # Revisions remain, inactive.


def _create_cluster(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs):
    properties = cloudformation_json["Properties"]
    settings = properties.get("ClusterSettings")
    return ecs_backends[account_id][region_name].create_cluster(
        cluster_name=resource_name,
        cluster_settings=_camel(settings) if settings else None,
        capacity_providers=properties.get("CapacityProviders"),
    )


Cluster.create_from_cloudformation_json = classmethod(_create_cluster)


def _delete_cluster(self, account_id, region_name):
    ecs_backends[account_id][region_name].clusters.pop(self.name, None)


Cluster.delete = _delete_cluster

_create_listener = FakeListener.create_from_cloudformation_json.__func__


def _create_listener_with_attributes(cls, resource_name, cloudformation_json, *args, **kwargs):
    made = _create_listener(cls, resource_name, cloudformation_json, *args, **kwargs)
    for entry in cloudformation_json["Properties"].get("ListenerAttributes", []):
        made.attributes[entry["Key"]] = entry["Value"]
    return made


FakeListener.create_from_cloudformation_json = classmethod(_create_listener_with_attributes)

_create_target_group = FakeTargetGroup.create_from_cloudformation_json.__func__


def _create_target_group_with_attributes(cls, resource_name, cloudformation_json, *args, **kwargs):
    made = _create_target_group(cls, resource_name, cloudformation_json, *args, **kwargs)
    for entry in cloudformation_json["Properties"].get("TargetGroupAttributes", []):
        made.attributes[entry["Key"]] = entry["Value"]
    return made


FakeTargetGroup.create_from_cloudformation_json = classmethod(_create_target_group_with_attributes)


def _update_cluster_settings(self):
    cluster = self.ecs_backend.clusters[self._get_param("cluster").split("/")[-1]]
    cluster.settings = self._get_param("settings")
    return ActionResult({"cluster": cluster})


EC2ContainerServiceResponse.update_cluster_settings = _update_cluster_settings
