"""What moto's CloudFormation lacks for a stack with an RDS Proxy, and answers that differ from AWS's."""

from threading import Lock

from moto.cloudformation import models as cloudformation
from moto.cloudformation.exceptions import CloudFormationError
from moto.cloudformation.parsing import ResourceMap
from moto.cloudformation.responses import CloudFormationResponse
from moto.core.common_models import CloudFormationModel
from moto.elbv2.models import FakeLoadBalancer, elbv2_backends
from moto.logs.models import LogGroup, logs_backends
from moto.logs.responses import LogsResponse
from moto.rds.models import rds_backends


_imports = {"asked": set(), "running": False}


def importing():
    """Whether a change set is running that adopts resources with the names in its template."""
    return _imports["running"]


class Proxy(CloudFormationModel):
    """AWS::RDS::DBProxy, kept in moto's own RDS."""

    def __init__(self, backend, name):
        self.backend = backend
        self.name = name

    @staticmethod
    def cloudformation_name_type():
        return "DBProxyName"

    @staticmethod
    def cloudformation_type():
        return "AWS::RDS::DBProxy"

    @classmethod
    def has_cfn_attr(cls, attr):
        return attr in ["DBProxyArn", "Endpoint", "VpcId"]

    def get_cfn_attribute(self, attribute_name):
        proxy = self.backend.db_proxies[self.name]
        return {"DBProxyArn": proxy.arn, "Endpoint": proxy.endpoint, "VpcId": proxy.vpc_id}[attribute_name]

    @property
    def physical_resource_id(self):
        return self.name

    @classmethod
    def create_from_cloudformation_json(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs):
        properties = cloudformation_json["Properties"]
        backend = rds_backends[account_id][region_name]
        name = properties["DBProxyName"]
        if importing() and name in backend.db_proxies:
            return cls(backend, name)
        backend.create_db_proxy(
            db_proxy_name=name,
            engine_family=properties["EngineFamily"],
            auth=properties.get("Auth", []),
            role_arn=properties["RoleArn"],
            vpc_subnet_ids=properties["VpcSubnetIds"],
            vpc_security_group_ids=properties.get("VpcSecurityGroupIds"),
            require_tls=properties.get("RequireTLS", False),
            idle_client_timeout=properties.get("IdleClientTimeout"),
            debug_logging=properties.get("DebugLogging", False),
            tags=properties.get("Tags", []),
        )
        return cls(backend, name)

    @classmethod
    def update_from_cloudformation_json(
        cls, original_resource, new_resource_name, cloudformation_json, account_id, region_name
    ):
        properties = cloudformation_json["Properties"]
        proxy = original_resource.backend.db_proxies[original_resource.name]
        if properties["DBProxyName"] != proxy.db_proxy_name or properties["VpcSubnetIds"] != proxy.vpc_subnet_ids:
            # Both are fixed at creation: the new one is created first. The same name is refused, as by AWS.
            made = cls.create_from_cloudformation_json(
                new_resource_name, cloudformation_json, account_id, region_name
            )
            # CloudFormation updates the target group too, since it refers to another proxy now.
            made.backend.db_proxies[made.name].proxy_target_groups = proxy.proxy_target_groups
            original_resource.delete(account_id, region_name)
            return made
        proxy.auth = properties.get("Auth", [])
        proxy.role_arn = properties["RoleArn"]
        proxy.vpc_security_group_ids = properties.get("VpcSecurityGroupIds", [])
        proxy.require_tls = properties.get("RequireTLS", False)
        proxy.idle_client_timeout = properties.get("IdleClientTimeout", 1800)
        proxy.debug_logging = properties.get("DebugLogging", False)
        proxy.tags = properties.get("Tags", [])
        return original_resource

    def delete(self, account_id, region_name):
        self.backend.db_proxies.pop(self.name, None)


class ProxyTargetGroup(CloudFormationModel):
    """AWS::RDS::DBProxyTargetGroup: the pool settings and the targets of a proxy."""

    def __init__(self, group):
        self.group = group

    @staticmethod
    def cloudformation_name_type():
        return ""

    @staticmethod
    def cloudformation_type():
        return "AWS::RDS::DBProxyTargetGroup"

    @classmethod
    def has_cfn_attr(cls, attr):
        return attr == "TargetGroupArn"

    def get_cfn_attribute(self, attribute_name):
        return self.group.arn

    @property
    def physical_resource_id(self):
        return self.group.arn

    @classmethod
    def create_from_cloudformation_json(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs):
        properties = cloudformation_json["Properties"]
        backend = rds_backends[account_id][region_name]
        name = properties["DBProxyName"]
        group = backend.modify_db_proxy_target_group(name, properties.get("ConnectionPoolConfigurationInfo", {}))
        group.targets = []
        backend.register_db_proxy_targets(
            name,
            "default",
            properties.get("DBClusterIdentifiers", []),
            properties.get("DBInstanceIdentifiers", []),
        )
        return cls(group)

    @classmethod
    def update_from_cloudformation_json(
        cls, original_resource, new_resource_name, cloudformation_json, account_id, region_name
    ):
        return cls.create_from_cloudformation_json(
            new_resource_name, cloudformation_json, account_id, region_name
        )

    def delete(self, account_id, region_name):
        pass  # Deleted with its proxy.


def _update_log_group(cls, original_resource, new_resource_name, cloudformation_json, account_id, region_name):
    """moto has no update of a log group, and forgets the group instead. Another name means another group; the old one is retained."""
    properties = cloudformation_json["Properties"]
    if properties.get("LogGroupName", original_resource.name) != original_resource.name:
        return cls.create_from_cloudformation_json(
            new_resource_name, cloudformation_json, account_id, region_name
        )
    days = properties.get("RetentionInDays")
    logs_backends[account_id][region_name].put_retention_policy(original_resource.name, days)
    return original_resource


def _delete_log_group(self, account_id, region_name):
    """A resource that was already removed is no error."""
    logs_backends[account_id][region_name].groups.pop(self.name, None)


LogGroup.update_from_cloudformation_json = classmethod(_update_log_group)
LogGroup.delete = _delete_log_group


def _create_load_balancer(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs):
    """moto makes every load balancer an application load balancer, whatever the template says."""
    properties = cloudformation_json["Properties"]
    made = elbv2_backends[account_id][region_name].create_load_balancer(
        resource_name,
        properties.get("SecurityGroups"),
        properties.get("Subnets", []),
        subnet_mappings=properties.get("SubnetMappings"),
        scheme=properties.get("Scheme", "internet-facing"),
        loadbalancer_type=properties.get("Type", "application"),
    )
    made.fixed_addresses = {
        entry["SubnetId"]: {key: entry[key] for key in ("AllocationId", "PrivateIPv4Address") if key in entry}
        for entry in properties.get("SubnetMappings", [])
    }
    for entry in properties.get("LoadBalancerAttributes", []):
        made.attrs[entry["Key"]] = entry["Value"]
    return made


FakeLoadBalancer.create_from_cloudformation_json = classmethod(_create_load_balancer)




class _Zone:
    """A zone of a balancer with its fixed address, which moto omits."""

    def __init__(self, zone, address):
        self.subnet_id = zone.subnet_id
        self.zone_name = zone.zone_name
        self.load_balancer_addresses = [address] if address else []


_zones = FakeLoadBalancer.availability_zones.fget


def _zones_with_addresses(self):
    addresses = getattr(self, "fixed_addresses", {})
    return [_Zone(zone, addresses.get(zone.subnet_id)) for zone in _zones(self)]


FakeLoadBalancer.availability_zones = property(_zones_with_addresses)


class ChangeSetNotFound(CloudFormationError):
    code = "ChangeSetNotFound"

    def __init__(self, name):
        super().__init__(f"ChangeSet [{name}] does not exist")


Backend = cloudformation.CloudFormationBackend
_execute = Backend.execute_change_set
_executing = Lock()


def _named(self, name):
    return [change for key, change in self.change_sets.items() if name in (key, change.change_set_name)]


def _describe_change_set(self, change_set_name):
    """AWS returns ChangeSetNotFound, after which the toolkit continues."""
    found = _named(self, change_set_name)
    if not found:
        raise ChangeSetNotFound(change_set_name)
    return found[-1]


def _delete_change_set(self, change_set_name):
    """Deleting a missing change set succeeds on AWS; moto fails with an internal error."""
    for change in _named(self, change_set_name):
        self.change_sets.pop(change.change_set_id, None)


_create = Backend.create_change_set


def _create_change_set(self, stack_name, change_set_name, template, *args, change_set_type, **kwargs):
    """A stack in review accepts more change sets; moto creates a second stack with the same name."""
    known = [stack for stack in self.stacks.values() if stack.name == stack_name]
    if change_set_type == "CREATE" and known:
        if known[0].status != "REVIEW_IN_PROGRESS":
            raise StackExists(stack_name)
        made = _create(
            self, stack_name, change_set_name, template, *args, change_set_type="CREATE", **kwargs
        )
        surplus = self.stacks.pop(made[1])
        self.change_sets[made[0]].stack = known[0]
        self.change_sets[made[0]].stack_id = known[0].stack_id
        known[0].parameters = surplus.parameters
        return made[0], known[0].stack_id
    made = _create(self, stack_name, change_set_name, template, *args, change_set_type=change_set_type, **kwargs)
    change = self.change_sets[made[0]]
    if change.status == "FAILED" and _settings(change) != _settings(change.stack):
        change.status = "CREATE_COMPLETE"
        change.execution_status = "AVAILABLE"
    return made


def _settings(has):
    """The properties of a stack outside its template; moto ignores a change of only these."""
    return (has.tags or {}, sorted(has.notification_arns or []))


def _execute_change_set(self, change_set_name, stack_name=None):
    """moto does not update the outputs after a change set, and lets a change set run after another one has."""
    with _executing:
        change = _describe_change_set(self, change_set_name)
        if change.execution_status != "AVAILABLE":
            raise InvalidChangeSetStatus(change_set_name, change.execution_status)
        _imports["running"] = change.change_set_id in _imports["asked"]
        try:
            _execute(self, change_set_name, stack_name)
        finally:
            _imports["running"] = False
        stack = self.stacks[change.stack_id]
        stack.tags = change.tags
        stack.notification_arns = change.notification_arns
        stack._parse_template()
        stack.output_map = stack._create_output_map()
        for other in list(self.change_sets.values()):
            if other is not change and other.stack is stack:
                other.execution_status = "OBSOLETE"


class StackExists(CloudFormationError):
    code = "ValidationError"

    def __init__(self, name):
        super().__init__(f"Stack [{name}] already exists and cannot be created again with the changeSet")


class InvalidChangeSetStatus(CloudFormationError):
    code = "InvalidChangeSetStatus"

    def __init__(self, name, status):
        super().__init__(f"ChangeSet [{name}] cannot be executed in its current execution status of [{status}]")


Backend.create_change_set = _create_change_set
Backend.describe_change_set = _describe_change_set
Backend.delete_change_set = _delete_change_set
Backend.execute_change_set = _execute_change_set


_update = ResourceMap.update


def _update_resources(self, template, parameters=None):
    """moto keeps what an update has removed, and confuses it with what a later update creates."""
    removed = self.build_resource_diff(template, parameters)["Remove"]
    _update(self, template, parameters)
    for name in removed:
        self._parsed_resources.pop(name, None)


ResourceMap.update = _update_resources

_delete_resource = ResourceMap._delete_resource


def _delete_unless_retained(self, parsed_resource, resource_json):
    """moto supports only Retain, and only when the whole stack is deleted."""
    if not str(resource_json.get("DeletionPolicy", "Delete")).startswith("Retain"):
        _delete_resource(self, parsed_resource, resource_json)


ResourceMap._delete_resource = _delete_unless_retained

_respond = CloudFormationResponse.create_change_set


def _create_change_set_response(self):
    """ImportExistingResources, which moto does not support."""
    answer = _respond(self)
    if str(self._get_param("ImportExistingResources")).lower() == "true":
        _imports["asked"].add(answer.result["Id"])
    return answer


CloudFormationResponse.create_change_set = _create_change_set_response

_create_log_group = LogGroup.create_from_cloudformation_json.__func__


def _create_or_import_log_group(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs):
    properties = cloudformation_json["Properties"]
    name = properties.get("LogGroupName")
    groups = logs_backends[account_id][region_name].groups
    if importing() and name in groups:
        return groups[name]
    made = _create_log_group(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs)
    made.log_group_class = properties.get("LogGroupClass", "STANDARD")
    return made


LogGroup.create_from_cloudformation_json = classmethod(_create_or_import_log_group)

# AWS publishes the events of a stack; no test subscribes to a topic, and there is none.
cloudformation.Event.sendToSns = lambda self, *_: None

_describe_log_group = LogGroup.to_describe_dict


def _describe_with_class(self):
    return {**_describe_log_group(self), "logGroupClass": getattr(self, "log_group_class", "STANDARD")}


LogGroup.to_describe_dict = _describe_with_class

_create_by_api = LogsResponse.create_log_group


def _create_with_class(self):
    answer = _create_by_api(self)
    group = self.logs_backend.groups[self._get_param("logGroupName")]
    group.log_group_class = self._get_param("logGroupClass") or "STANDARD"
    return answer


LogsResponse.create_log_group = _create_with_class
