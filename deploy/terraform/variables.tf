variable "aws_account_id" {
  type        = string
  description = "The AWS account that holds the database."
}

variable "aws_region" {
  type        = string
  description = "The region of the database."
}

variable "vpc_id" {
  type        = string
  description = "The VPC of the database."
}

variable "vpc_subnet_filter_tag" {
  type        = map(string)
  description = "The proxy is placed in the subnets that have all these tags."
}

variable "rds_instance_id" {
  type        = string
  description = "The identifier of the RDS PostgreSQL instance. The proxy is named after it."
}

variable "rds_proxy_role" {
  type        = string
  description = "The name of the IAM role with which RDS Proxy reads the secret. Engine sluice creates its own."
}

variable "rds_security_group_name" {
  type        = string
  description = "The name of the security group whose rules say who may connect."
}

variable "rds_secret_name" {
  type        = string
  description = "The name of the secret with the user name and password of the database."
}

variable "rds_proxy_tags" {
  type        = map(string)
  default     = {}
  description = "Tags for the resources that are created."
}

variable "engine" {
  type        = string
  default     = "rds-proxy"
  description = "What runs in front of the database: rds-proxy, or sluice on ECS Fargate."

  validation {
    condition     = contains(["rds-proxy", "sluice"], var.engine)
    error_message = "The engine must be rds-proxy or sluice."
  }
}

variable "max_connections_percent" {
  type        = number
  default     = 100
  description = "The most database connections, as a share of max_connections."
}

variable "idle_client_timeout" {
  type        = number
  default     = 1800
  description = "Seconds after which an idle client connection is closed."
}

variable "container_image" {
  type        = string
  default     = null
  description = "Engine sluice: the image, built from the Dockerfile of this project."
}

variable "image_repository_arn" {
  type        = string
  default     = null
  description = "Engine sluice: the ECR repository of the image, which the tasks may pull from."
}

variable "tls_secret_name" {
  type        = string
  default     = null
  description = "Engine sluice: the secret with certificate and private_key, both PEM."
}

variable "min_tasks" {
  type        = number
  default     = 2
  description = "Engine sluice: the fewest tasks."
}

variable "max_tasks" {
  type        = number
  default     = 4
  description = "Engine sluice: the most tasks that autoscaling may start."
}
