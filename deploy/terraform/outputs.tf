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
  value       = var.engine == "sluice" ? aws_iam_role.task[0].arn : data.aws_iam_role.proxy[0].arn
  description = "The role that reads the secret."
}

output "rds_security_group_ids" {
  value       = [data.aws_security_group.clients.id]
  description = "The security group whose rules say who may connect."
}

output "rds_secret_arn" {
  value       = data.aws_secretsmanager_secret.database.arn
  description = "The secret of the database user."
}
