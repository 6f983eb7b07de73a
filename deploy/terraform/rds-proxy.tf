data "aws_iam_role" "proxy" {
  count = var.rds_proxy_role == null ? 0 : local.managed
  name  = var.rds_proxy_role
}

resource "aws_iam_role" "proxy" {
  count                = var.rds_proxy_role == null ? local.managed : 0
  name_prefix          = "rds-proxy-"
  description          = "Lets Amazon RDS Proxy in front of ${var.rds_instance_id} log in to the database"
  assume_role_policy   = data.aws_iam_policy_document.trust["rds.amazonaws.com"].json
  max_session_duration = var.role_max_session_duration
  tags                 = var.rds_proxy_tags
}

resource "aws_iam_role_policy" "proxy" {
  count  = var.rds_proxy_role == null ? local.managed : 0
  role   = aws_iam_role.proxy[0].id
  policy = data.aws_iam_policy_document.database.json
}

locals {
  proxy_role_arn = one(concat(data.aws_iam_role.proxy[*].arn, aws_iam_role.proxy[*].arn))
}

# RDS would create the group itself, and its logs would never expire.
resource "aws_cloudwatch_log_group" "proxy" {
  count             = local.managed
  name              = "/aws/rds/proxy/${var.rds_instance_id}"
  log_group_class   = var.log_group_class
  retention_in_days = 90
  tags              = var.rds_proxy_tags
}

resource "aws_db_proxy" "this" {
  count                  = local.managed
  name                   = var.rds_instance_id
  engine_family          = "POSTGRESQL"
  role_arn               = local.proxy_role_arn
  vpc_subnet_ids         = local.subnets
  vpc_security_group_ids = [data.aws_security_group.clients.id]
  require_tls            = true
  idle_client_timeout    = var.idle_client_timeout
  debug_logging          = false
  default_auth_scheme    = var.default_auth_scheme
  tags                   = var.rds_proxy_tags

  dynamic "auth" {
    for_each = local.secret_arns

    content {
      auth_scheme = "SECRETS"
      iam_auth    = var.iam_auth
      secret_arn  = auth.value
    }
  }

  timeouts {
    create = var.timeout
    update = var.timeout
    delete = var.timeout
  }

  depends_on = [aws_cloudwatch_log_group.proxy, aws_iam_role_policy.proxy]
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
