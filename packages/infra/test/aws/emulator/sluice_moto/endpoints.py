"""Additional endpoints of an RDS Proxy and ModifyDBProxy: calls that moto's RDS lacks."""

from moto.core.common_models import CloudFormationModel
from moto.core.responses import ActionResult
from moto.rds.exceptions import DBProxyNotFoundFault, RDSClientError
from moto.rds.models import rds_backends
from moto.rds.responses import RDSResponse


class DBProxyEndpointNotFoundFault(RDSClientError):
    def __init__(self, name):
        super().__init__("DBProxyEndpointNotFoundFault", f"DBProxyEndpoint {name} not found.")


def _endpoints(backend):
    if not hasattr(backend, "sluice_endpoints"):
        backend.sluice_endpoints = {}
    return backend.sluice_endpoints


def _endpoint(backend, name):
    if name not in _endpoints(backend):
        raise DBProxyEndpointNotFoundFault(name)
    return _endpoints(backend)[name]


def describe_db_proxy_endpoints(self):
    proxy, name = self.params.get("DBProxyName"), self.params.get("DBProxyEndpointName")
    found = [_endpoint(self.backend, name)] if name else list(_endpoints(self.backend).values())
    return ActionResult(
        {"DBProxyEndpoints": [endpoint for endpoint in found if proxy in (None, endpoint["DBProxyName"])]}
    )


def modify_db_proxy_endpoint(self):
    endpoint = _endpoint(self.backend, self.params["DBProxyEndpointName"])
    endpoint["VpcSecurityGroupIds"] = self.params.get("VpcSecurityGroupIds", endpoint["VpcSecurityGroupIds"])
    return ActionResult({"DBProxyEndpoint": endpoint})


def delete_db_proxy_endpoint(self):
    name = self.params["DBProxyEndpointName"]
    endpoint = _endpoint(self.backend, name)
    del _endpoints(self.backend)[name]
    return ActionResult({"DBProxyEndpoint": endpoint})


def modify_db_proxy(self):
    proxy = self.backend.db_proxies.get(self.params["DBProxyName"])
    if proxy is None:
        raise DBProxyNotFoundFault(self.params["DBProxyName"])
    for name, attribute in {
        "RequireTLS": "require_tls",
        "IdleClientTimeout": "idle_client_timeout",
        "DebugLogging": "debug_logging",
        "RoleArn": "role_arn",
        "Auth": "auth",
        "SecurityGroups": "vpc_security_group_ids",
        "DefaultAuthScheme": "default_auth_scheme",
    }.items():
        if name in self.params:
            setattr(proxy, attribute, self.params[name])
    return ActionResult({"DBProxy": proxy})


def create_db_proxy_endpoint(self):
    return ActionResult({"DBProxyEndpoint": make_endpoint(self.backend, self.region, self.params)})


def make_endpoint(backend, region_name, properties):
    name = properties["DBProxyEndpointName"]
    # moto finds tags by the ARN of a resource that it knows, so the endpoint has those of its proxy.
    proxy = backend.db_proxies[properties["DBProxyName"]]
    _endpoints(backend)[name] = {
        "DBProxyEndpointName": name,
        "DBProxyEndpointArn": proxy.arn,
        "DBProxyName": properties["DBProxyName"],
        "Status": "available",
        "VpcSubnetIds": properties["VpcSubnetIds"],
        "VpcSecurityGroupIds": properties.get("VpcSecurityGroupIds", []),
        "Endpoint": f"{name}.endpoint.proxy-x.{region_name}.rds.amazonaws.com",
        "TargetRole": properties.get("TargetRole", "READ_WRITE"),
        "IsDefault": False,
    }
    return _endpoints(backend)[name]


for method in (create_db_proxy_endpoint, describe_db_proxy_endpoints, modify_db_proxy_endpoint, delete_db_proxy_endpoint, modify_db_proxy):
    setattr(RDSResponse, method.__name__, method)


class ProxyEndpoint(CloudFormationModel):
    """AWS::RDS::DBProxyEndpoint."""

    def __init__(self, backend, name):
        self.backend = backend
        self.name = name

    @staticmethod
    def cloudformation_name_type():
        return "DBProxyEndpointName"

    @staticmethod
    def cloudformation_type():
        return "AWS::RDS::DBProxyEndpoint"

    @classmethod
    def has_cfn_attr(cls, attr):
        return attr in ["Endpoint", "DBProxyEndpointArn"]

    def get_cfn_attribute(self, attribute_name):
        return _endpoint(self.backend, self.name)[attribute_name]

    @property
    def physical_resource_id(self):
        return self.name

    @classmethod
    def create_from_cloudformation_json(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs):
        properties = cloudformation_json["Properties"]
        backend = rds_backends[account_id][region_name]
        make_endpoint(backend, region_name, properties)
        return cls(backend, properties["DBProxyEndpointName"])

    @classmethod
    def update_from_cloudformation_json(
        cls, original_resource, new_resource_name, cloudformation_json, account_id, region_name
    ):
        original_resource.delete(account_id, region_name)
        return cls.create_from_cloudformation_json(new_resource_name, cloudformation_json, account_id, region_name)

    def delete(self, account_id, region_name):
        _endpoints(self.backend).pop(self.name, None)
