# A cluster with IAM, its own groups and tagged endpoints.
aws_account_id        = "123456789012"
aws_region            = "eu-central-1"
vpc_id                = "vpc-0123456789abcdef0"
vpc_subnet_filter_tag = { Name = "private" }
rds_proxy_role        = "orders-proxy-role"
rds_secret_name       = "orders-database"
DBClusterIdentifier   = "orders"
IAMAuth               = "REQUIRED"
SecurityGroupIds      = ["sg-0a000000000000000"]
DBProxyEndpoints      = [{ DBProxyEndpointName = "ro", TargetRole = "READ_ONLY", Tags = { Use = "read" } }]
