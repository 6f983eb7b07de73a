data "aws_subnets" "proxy" {
  tags = var.vpc_subnet_filter_tag

  filter {
    name   = "vpc-id"
    values = [var.vpc_id]
  }
}

data "aws_security_group" "clients" {
  name   = var.rds_security_group_name
  vpc_id = var.vpc_id
}

data "aws_secretsmanager_secret" "database" {
  name = var.rds_secret_name
}

data "aws_db_instance" "database" {
  db_instance_identifier = var.rds_instance_id
}

locals {
  managed = var.engine == "rds-proxy" ? 1 : 0
  sluice  = var.engine == "sluice" ? 1 : 0
  subnets = sort(data.aws_subnets.proxy.ids)
}
