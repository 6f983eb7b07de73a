# IAM on both legs without a secret.
aws_account_id          = "123456789012"
aws_region              = "eu-central-1"
vpc_id                  = "vpc-0123456789abcdef0"
vpc_subnet_filter_tag   = { Name = "private" }
rds_instance_id         = "orders"
rds_security_group_name = "orders-proxy"
DefaultAuthScheme       = "IAM_AUTH"
CreateRole              = true
