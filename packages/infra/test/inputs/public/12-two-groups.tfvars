# Two groups, and a log group of somebody else.
aws_account_id        = "123456789012"
aws_region            = "eu-central-1"
vpc_id                = "vpc-0123456789abcdef0"
vpc_subnet_filter_tag = { Name = "private" }
rds_instance_id       = "orders"
rds_proxy_role        = "orders-proxy-role"
rds_secret_name       = "orders-database"
SecurityGroupIds      = ["sg-0a000000000000000", "sg-0b000000000000000"]
ManageLogGroup        = false
