data "aws_iam_role" "proxy" {
  count = local.managed
  name  = var.rds_proxy_role
}

# RDS would create the group itself, and its logs would never expire.
resource "aws_cloudwatch_log_group" "proxy" {
  count             = local.managed
  name              = "/aws/rds/proxy/${var.rds_instance_id}"
  retention_in_days = 90
  tags              = var.rds_proxy_tags
}

resource "aws_db_proxy" "this" {
  count                  = local.managed
  name                   = var.rds_instance_id
  engine_family          = "POSTGRESQL"
  role_arn               = data.aws_iam_role.proxy[0].arn
  vpc_subnet_ids         = local.subnets
  vpc_security_group_ids = [data.aws_security_group.clients.id]
  require_tls            = true
  idle_client_timeout    = var.idle_client_timeout
  debug_logging          = false
  tags                   = var.rds_proxy_tags

  auth {
    auth_scheme = "SECRETS"
    iam_auth    = "DISABLED"
    secret_arn  = data.aws_secretsmanager_secret.database.arn
  }

  depends_on = [aws_cloudwatch_log_group.proxy]
}

resource "aws_db_proxy_default_target_group" "this" {
  count         = local.managed
  db_proxy_name = aws_db_proxy.this[0].name

  connection_pool_config {
    max_connections_percent      = var.max_connections_percent
    max_idle_connections_percent = floor(var.max_connections_percent / 2)
    connection_borrow_timeout    = 120
  }

  # Otherwise a replaced proxy would have no target.
  lifecycle {
    replace_triggered_by = [aws_db_proxy.this[0].id]
  }
}

resource "aws_db_proxy_target" "this" {
  count                  = local.managed
  db_proxy_name          = aws_db_proxy.this[0].name
  target_group_name      = aws_db_proxy_default_target_group.this[0].name
  db_instance_identifier = var.rds_instance_id

  lifecycle {
    replace_triggered_by = [aws_db_proxy.this[0].id]
  }
}
