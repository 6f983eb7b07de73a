# Subnets and groups by id, as lists.
aws_account_id         = "123456789012"
aws_region             = "eu-central-1"
vpc_id                 = "vpc-0123456789abcdef0"
rds_instance_id        = "orders"
rds_proxy_role         = "orders-proxy-role"
rds_secret_name        = "orders-database"
SubnetIds              = ["subnet-0a000000000000000", "subnet-0b000000000000000"]
SecurityGroupIds       = ["sg-0a000000000000000", "sg-0b000000000000000"]
RoleMaxSessionDuration = 7200
