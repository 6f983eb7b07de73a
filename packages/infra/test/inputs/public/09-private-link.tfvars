# A load balancer and PrivateLink for clients of another account.
aws_account_id          = "123456789012"
aws_region              = "eu-central-1"
vpc_id                  = "vpc-0123456789abcdef0"
vpc_subnet_filter_tag   = { Name = "private" }
rds_instance_id         = "orders"
rds_proxy_role          = "orders-proxy-role"
rds_security_group_name = "orders-proxy"
rds_secret_name         = "orders-database"
engine                  = "sluice"
ContainerImage          = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/sluice:0.1.0"
TlsSecretName           = "orders-tls"
PrivateLinkPrincipals   = ["arn:aws:iam::210987654321:root"]
BalancerAddresses       = { "subnet-0a000000000000000" = "10.20.1.10", "subnet-0b000000000000000" = "10.20.2.10" }
