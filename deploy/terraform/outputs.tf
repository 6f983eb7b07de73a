output "rds_proxy_endpoint" {
  value       = var.engine == "sluice" ? aws_lb.this[0].dns_name : aws_db_proxy.this[0].endpoint
  description = "The host name that clients connect to; the port is 5432."
}

output "rds_proxy_arn" {
  value       = var.engine == "sluice" ? aws_lb.this[0].arn : aws_db_proxy.this[0].arn
  description = "The ARN of the proxy, or of the load balancer."
}

output "rds_proxy_subnet_ids" {
  value       = local.subnets
  description = "The subnets of the proxy."
}

output "rds_proxy_role_arn" {
  value       = var.engine == "sluice" ? aws_iam_role.task[0].arn : local.proxy_role_arn
  description = "The role that reads the secret, and logs in to the database with tokens."
}

output "rds_security_group_ids" {
  value       = [data.aws_security_group.clients.id]
  description = "The security group whose rules say who may connect."
}

output "rds_secret_arn" {
  value       = one(local.secret_arns)
  description = "The secret of the database user; null without one."
}

output "rds_proxy_connect_arn" {
  value = (
    !local.client_tokens ? null :
    var.engine == "sluice" ? local.connect_arn :
    "arn:${data.aws_partition.current.partition}:rds-db:${var.aws_region}:${var.aws_account_id}:dbuser:${reverse(split(":", aws_db_proxy.this[0].arn))[0]}/*"
  )
  description = "What the policies of clients with IAM tokens allow rds-db:connect on; null when clients have passwords."
}
