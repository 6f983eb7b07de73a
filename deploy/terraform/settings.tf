# Values that are derived from the variables, and the settings of Sluice's tasks. A test evaluates this file separately.
locals {
  secret_arns = data.aws_secretsmanager_secret.database[*].arn

  # A database user that may log in with a token can no longer log in with its password: with engine sluice, clients with
  # tokens require tokens for the database as well. RDS Proxy uses the password in its secret for that.
  client_tokens   = var.default_auth_scheme == "IAM_AUTH" || var.iam_auth == "REQUIRED"
  database_tokens = var.engine == "sluice" ? local.client_tokens : var.default_auth_scheme == "IAM_AUTH"

  connect_arn = "arn:${data.aws_partition.current.partition}:rds-db:${var.aws_region}:${var.aws_account_id}:dbuser:${data.aws_db_instance.database.resource_id}/*"

  # Elastic IPs make the load balancer reachable from the internet.
  elastic = anytrue([for address in values(var.balancer_addresses) : startswith(address, "eipalloc-")])

  # A rolling deployment runs every task twice.
  share = max(1, floor(var.max_connections_percent / (2 * var.max_tasks)))

  list_settings = {
    Auth = [for arn in local.secret_arns : {
      SecretArn              = arn
      IAMAuth                = var.iam_auth
      ClientPasswordAuthType = "POSTGRES_SCRAM_SHA_256"
    }]
    ClientAuth = var.default_auth_scheme == "IAM_AUTH" ? [{ Type = "hostssl", Method = "iam" }] : []
  }

  environment = { for name, value in {
    SLUICE_LISTEN_HOST                  = "0.0.0.0"
    SLUICE_LISTEN_PORT                  = "5432"
    SLUICE_ADMIN_HOST                   = "0.0.0.0"
    SLUICE_ADMIN_PORT                   = "9127"
    SLUICE_TARGET_HOST                  = data.aws_db_instance.database.address
    SLUICE_TARGET_PORT                  = tostring(data.aws_db_instance.database.port)
    SLUICE_TARGET_TLS_MODE              = "verify-full"
    SLUICE_TARGET_IAM_AUTH              = local.database_tokens ? "true" : null
    SLUICE_HEALTH_CHECK_USER            = var.health_check_user
    SLUICE_REQUIRE_TLS                  = "true"
    SLUICE_IDLE_CLIENT_TIMEOUT          = tostring(var.idle_client_timeout)
    SLUICE_CONNECTION_BORROW_TIMEOUT    = "120"
    SLUICE_MAX_CONNECTIONS_PERCENT      = tostring(local.share)
    SLUICE_MAX_IDLE_CONNECTIONS_PERCENT = tostring(floor(local.share / 2))
    SLUICE_DRAIN_TIMEOUT                = "90"
    SLUICE_LOG_FORMAT                   = "json"
    METRICS_SERVICE                     = var.rds_instance_id
    SETTINGS_JSON                       = jsonencode({ for name, list in local.list_settings : name => list if length(list) > 0 })
  } : name => value if value != null }
}
