# A second proxy on one database.
aws_account_id          = "123456789012"
aws_region              = "eu-central-1"
vpc_id                  = "vpc-0123456789abcdef0"
vpc_subnet_filter_tag   = { Name = "private" }
rds_instance_id         = "orders"
rds_proxy_role          = "orders-proxy-role"
rds_security_group_name = "orders-proxy"
rds_secret_name         = "orders-database"
DBProxyName             = "orders-reports"
MaxConnectionsPercent   = 30
