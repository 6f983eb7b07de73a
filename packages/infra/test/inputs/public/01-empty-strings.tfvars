# A sample project, as it ships its variables: five empty strings.
aws_account_id  = ""
aws_region      = ""
vpc_id          = ""
rds_instance_id = ""
rds_proxy_role  = ""
