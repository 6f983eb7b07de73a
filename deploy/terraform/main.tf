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
  count = var.rds_secret_name == null ? 0 : 1
  name  = var.rds_secret_name
}

# Your own key; that of Secrets Manager itself needs no permission.
data "aws_kms_key" "database" {
  for_each = toset(compact(data.aws_secretsmanager_secret.database[*].kms_key_id))
  key_id   = each.value
}

data "aws_partition" "current" {}

data "aws_db_instance" "database" {
  db_instance_identifier = var.rds_instance_id
}

locals {
  managed = var.engine == "rds-proxy" ? 1 : 0
  sluice  = var.engine == "sluice" ? 1 : 0
  subnets = sort(data.aws_subnets.proxy.ids)
}

# Only on behalf of this account: another account cannot make a service use a role of the module.
data "aws_iam_policy_document" "trust" {
  for_each = toset(["rds.amazonaws.com", "ecs-tasks.amazonaws.com"])

  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = [each.value]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [var.aws_account_id]
    }
  }
}

# Reading secrets, and decrypting with their own keys only through Secrets Manager.
data "aws_iam_policy_document" "secrets" {
  for_each = {
    database = { secrets = local.secret_arns, keys = data.aws_kms_key.database }
    tls      = { secrets = data.aws_secretsmanager_secret.tls[*].arn, keys = data.aws_kms_key.tls }
  }

  dynamic "statement" {
    for_each = each.value.secrets

    content {
      actions   = ["secretsmanager:GetSecretValue"]
      resources = [statement.value]
    }
  }

  dynamic "statement" {
    for_each = each.value.keys

    content {
      actions   = ["kms:Decrypt"]
      resources = [statement.value.arn]

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = ["secretsmanager.${var.aws_region}.${data.aws_partition.current.dns_suffix}"]
      }
    }
  }
}

# The permissions of RDS Proxy's role and of the tasks' role: read the secret, and log in to this database with tokens.
data "aws_iam_policy_document" "database" {
  source_policy_documents = [data.aws_iam_policy_document.secrets["database"].json]

  dynamic "statement" {
    for_each = local.database_tokens ? [local.connect_arn] : []

    content {
      actions   = ["rds-db:connect"]
      resources = [statement.value]
    }
  }

  lifecycle {
    precondition {
      condition     = var.rds_secret_name != null || var.default_auth_scheme == "IAM_AUTH"
      error_message = "Give rds_secret_name, or default_auth_scheme = \"IAM_AUTH\"."
    }

    precondition {
      condition     = var.engine == "rds-proxy" || var.rds_secret_name != null || var.health_check_user != null
      error_message = "Engine sluice without a secret needs health_check_user, a database user with the role rds_iam."
    }
  }
}
