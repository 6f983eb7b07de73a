"""Real databases: the tags `address` and `port` of an instance are its endpoint."""

from moto.rds.models import DBInstance

_endpoint = DBInstance.endpoint


def endpoint(self):
    tags = {tag["Key"]: tag["Value"] for tag in self.tags}
    if "address" not in tags:
        return _endpoint.fget(self)
    return {"Address": tags["address"], "Port": int(tags["port"])}


DBInstance.endpoint = property(endpoint)
