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
  default     = null
  description = "The name of the IAM role with which RDS Proxy reads the secret, or logs in to the database. Without it the module creates one. Engine sluice always creates its own."
}

variable "rds_security_group_name" {
  type        = string
  description = "The name of the security group whose rules say who may connect."
}

variable "rds_secret_name" {
  type        = string
  default     = null
  description = "The name of the secret with the user name and password of the database. Not needed when default_auth_scheme is IAM_AUTH."
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

variable "default_auth_scheme" {
  type        = string
  default     = "NONE"
  description = "IAM_AUTH: IAM tokens from clients and for the database, which needs no secret. NONE: passwords from the secret."

  validation {
    condition     = contains(["NONE", "IAM_AUTH"], var.default_auth_scheme)
    error_message = "The default_auth_scheme must be NONE or IAM_AUTH."
  }
}

variable "iam_auth" {
  type        = string
  default     = "DISABLED"
  description = "REQUIRED: clients must log in with an IAM token instead of the password. With engine sluice they sign it for the host name of the database, and the database user needs the role rds_iam."

  validation {
    condition     = contains(["DISABLED", "REQUIRED"], var.iam_auth)
    error_message = "The iam_auth must be DISABLED or REQUIRED."
  }
}

variable "max_connections_percent" {
  type        = number
  default     = 100
  description = "The maximum number of database connections, as a share of max_connections."
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

variable "health_check_user" {
  type        = string
  default     = null
  description = "Engine sluice without a secret: a database user with the role rds_iam, for its health checks."
}

variable "min_tasks" {
  type        = number
  default     = 2
  description = "Engine sluice: the minimum number of tasks."
}

variable "max_tasks" {
  type        = number
  default     = 4
  description = "Engine sluice: the maximum number of tasks that autoscaling may start."
}

variable "balancer_addresses" {
  type        = map(string)
  default     = {}
  description = "Engine sluice: fixed addresses of the load balancer by the id of its subnet, one in each zone: private IPv4 addresses, or Elastic IPs (eipalloc-…), which put it into these public subnets and make it reachable from the internet."

  validation {
    condition     = length(distinct([for address in values(var.balancer_addresses) : startswith(address, "eipalloc-")])) < 2
    error_message = "Give IPv4 addresses for all subnets, or Elastic IPs for all."
  }
}

variable "cpu_architecture" {
  type        = string
  default     = "ARM64"
  description = "Engine sluice: the processor architecture of the tasks, for which the image must be built."

  validation {
    condition     = contains(["ARM64", "X86_64"], var.cpu_architecture)
    error_message = "The cpu_architecture must be ARM64 or X86_64."
  }
}

variable "fargate_spot_weight" {
  type        = number
  default     = 0
  description = "Engine sluice: of the tasks above two, the share that runs on Fargate Spot, relative to 1 on demand: 3 means three of four."

  validation {
    condition     = var.fargate_spot_weight >= 0 && var.fargate_spot_weight <= 1000
    error_message = "The fargate_spot_weight must be 0 to 1000."
  }
}

variable "enable_execute_command" {
  type        = bool
  default     = false
  description = "Engine sluice: ECS Exec, for which the root file system of the tasks is writable."
}

variable "role_max_session_duration" {
  type        = number
  default     = 3600
  description = "The longest session of the roles that are created, in seconds. AWS's own services are not limited by it."

  validation {
    condition     = var.role_max_session_duration >= 3600 && var.role_max_session_duration <= 43200
    error_message = "The role_max_session_duration must be 3600 to 43200."
  }
}

variable "log_group_class" {
  type        = string
  default     = "STANDARD"
  description = "Engine rds-proxy: the class of the log group, fixed at creation. The group of engine sluice is STANDARD, because autoscaling needs the metrics in its logs."

  validation {
    condition     = contains(["STANDARD", "INFREQUENT_ACCESS"], var.log_group_class)
    error_message = "The log_group_class must be STANDARD or INFREQUENT_ACCESS."
  }
}

variable "timeout" {
  type        = string
  default     = "60m"
  description = "How long Terraform waits for the proxy, or for the ECS service."
}
