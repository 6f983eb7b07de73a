data "aws_secretsmanager_secret" "tls" {
  count = local.sluice
  name  = var.tls_secret_name
}

data "aws_kms_key" "tls" {
  for_each = toset(compact(data.aws_secretsmanager_secret.tls[*].kms_key_id))
  key_id   = each.value
}

# A Network Load Balancer accepts one subnet per zone.
data "aws_subnet" "proxy" {
  for_each = toset(var.engine == "sluice" ? local.subnets : [])
  id       = each.value
}

locals {
  zones            = { for id, subnet in data.aws_subnet.proxy : subnet.availability_zone_id => id... }
  balancer_subnets = [for ids in values(local.zones) : sort(ids)[0]]
  database_groups  = data.aws_db_instance.database.vpc_security_groups
}

resource "aws_cloudwatch_log_group" "sluice" {
  count             = local.sluice
  name              = "/sluice/${var.rds_instance_id}"
  retention_in_days = 90
  tags              = var.rds_proxy_tags
}

data "aws_iam_policy_document" "execution" {
  count                   = local.sluice
  source_policy_documents = [data.aws_iam_policy_document.secrets["tls"].json]

  statement {
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.sluice[0].arn}:*"]
  }

  dynamic "statement" {
    for_each = var.image_repository_arn == null ? [] : [var.image_repository_arn]

    content {
      actions   = ["ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage"]
      resources = [statement.value]
    }
  }

  dynamic "statement" {
    for_each = var.image_repository_arn == null ? [] : ["*"]

    content {
      actions   = ["ecr:GetAuthorizationToken"]
      resources = [statement.value]
    }
  }
}

resource "aws_iam_role" "execution" {
  count                = local.sluice
  name_prefix          = "sluice-execution-"
  assume_role_policy   = data.aws_iam_policy_document.trust["ecs-tasks.amazonaws.com"].json
  max_session_duration = var.role_max_session_duration
  tags                 = var.rds_proxy_tags
}

resource "aws_iam_role_policy" "execution" {
  count  = local.sluice
  role   = aws_iam_role.execution[0].id
  policy = data.aws_iam_policy_document.execution[0].json
}

resource "aws_iam_role" "task" {
  count                = local.sluice
  name_prefix          = "sluice-task-"
  assume_role_policy   = data.aws_iam_policy_document.trust["ecs-tasks.amazonaws.com"].json
  max_session_duration = var.role_max_session_duration
  tags                 = var.rds_proxy_tags
}

# For the ECS Exec agent; none of these actions takes a resource.
data "aws_iam_policy_document" "task" {
  source_policy_documents = [data.aws_iam_policy_document.database.json]

  dynamic "statement" {
    for_each = var.enable_execute_command ? ["*"] : []

    content {
      actions = [
        "ssmmessages:CreateControlChannel",
        "ssmmessages:CreateDataChannel",
        "ssmmessages:OpenControlChannel",
        "ssmmessages:OpenDataChannel",
      ]
      resources = [statement.value]
    }
  }
}

resource "aws_iam_role_policy" "task" {
  count  = local.sluice
  role   = aws_iam_role.task[0].id
  policy = data.aws_iam_policy_document.task.json
}

resource "aws_security_group" "balancer" {
  count       = local.sluice
  name_prefix = "sluice-balancer-"
  description = "From the balancer of ${var.rds_instance_id} to its tasks"
  vpc_id      = var.vpc_id
  tags        = var.rds_proxy_tags
}

resource "aws_security_group" "task" {
  count       = local.sluice
  name_prefix = "sluice-task-"
  description = "Tasks of ${var.rds_instance_id}"
  vpc_id      = var.vpc_id
  tags        = var.rds_proxy_tags
}

# Port 9127 is the admin port: only the load balancer's health check reaches it.
resource "aws_vpc_security_group_ingress_rule" "task" {
  for_each                     = toset(var.engine == "sluice" ? ["5432", "9127"] : [])
  security_group_id            = aws_security_group.task[0].id
  referenced_security_group_id = aws_security_group.balancer[0].id
  ip_protocol                  = "tcp"
  from_port                    = tonumber(each.value)
  to_port                      = tonumber(each.value)
}

resource "aws_vpc_security_group_egress_rule" "balancer" {
  for_each                     = toset(var.engine == "sluice" ? ["5432", "9127"] : [])
  security_group_id            = aws_security_group.balancer[0].id
  referenced_security_group_id = aws_security_group.task[0].id
  ip_protocol                  = "tcp"
  from_port                    = tonumber(each.value)
  to_port                      = tonumber(each.value)
}

resource "aws_vpc_security_group_egress_rule" "database" {
  for_each                     = toset(var.engine == "sluice" ? local.database_groups : [])
  security_group_id            = aws_security_group.task[0].id
  referenced_security_group_id = each.value
  ip_protocol                  = "tcp"
  from_port                    = data.aws_db_instance.database.port
  to_port                      = data.aws_db_instance.database.port
}

resource "aws_vpc_security_group_egress_rule" "aws" {
  count             = local.sluice
  security_group_id = aws_security_group.task[0].id
  description       = "endpoints of AWS: image, log, secrets"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_vpc_security_group_ingress_rule" "database" {
  for_each                     = toset(var.engine == "sluice" ? local.database_groups : [])
  security_group_id            = each.value
  referenced_security_group_id = aws_security_group.task[0].id
  description                  = "Tasks of ${var.rds_instance_id}"
  ip_protocol                  = "tcp"
  from_port                    = data.aws_db_instance.database.port
  to_port                      = data.aws_db_instance.database.port
}

resource "aws_lb" "this" {
  count                            = local.sluice
  name                             = var.rds_instance_id
  internal                         = !local.elastic
  load_balancer_type               = "network"
  subnets                          = length(var.balancer_addresses) == 0 ? local.balancer_subnets : null
  security_groups                  = [data.aws_security_group.clients.id, aws_security_group.balancer[0].id]
  enable_cross_zone_load_balancing = true
  tags                             = var.rds_proxy_tags

  dynamic "subnet_mapping" {
    for_each = var.balancer_addresses

    content {
      subnet_id            = subnet_mapping.key
      allocation_id        = local.elastic ? subnet_mapping.value : null
      private_ipv4_address = local.elastic ? null : subnet_mapping.value
    }
  }
}

resource "aws_lb_target_group" "this" {
  count                  = local.sluice
  name_prefix            = "sluice"
  port                   = 5432
  protocol               = "TCP"
  target_type            = "ip"
  vpc_id                 = var.vpc_id
  deregistration_delay   = 30
  preserve_client_ip     = false
  connection_termination = false
  tags                   = var.rds_proxy_tags

  health_check {
    protocol            = "HTTP"
    port                = "9127"
    path                = "/readyz"
    interval            = 10
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 5
  }

  # By default every connection of a task that answers slowly is reset.
  target_health_state {
    enable_unhealthy_connection_termination = false
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_lb_listener" "this" {
  count                    = local.sluice
  load_balancer_arn        = aws_lb.this[0].arn
  port                     = 5432
  protocol                 = "TCP"
  tcp_idle_timeout_seconds = 6000

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.this[0].arn
  }
}

resource "aws_ecs_cluster" "this" {
  count = local.sluice
  name  = "sluice-${var.rds_instance_id}"
  tags  = var.rds_proxy_tags
}

resource "aws_ecs_cluster_capacity_providers" "this" {
  count              = local.sluice
  cluster_name       = aws_ecs_cluster.this[0].name
  capacity_providers = ["FARGATE", "FARGATE_SPOT"]
}

resource "aws_ecs_task_definition" "this" {
  count                    = local.sluice
  family                   = var.rds_instance_id
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = 512
  memory                   = 1024
  execution_role_arn       = aws_iam_role.execution[0].arn
  task_role_arn            = aws_iam_role.task[0].arn
  tags                     = var.rds_proxy_tags

  runtime_platform {
    cpu_architecture        = var.cpu_architecture
    operating_system_family = "LINUX"
  }

  volume {
    name = "run"
  }

  container_definitions = jsonencode([{
    name                   = "sluice"
    image                  = var.container_image
    user                   = "1000"
    essential              = true
    readonlyRootFilesystem = !var.enable_execute_command
    stopTimeout            = 120
    portMappings           = [{ containerPort = 5432 }, { containerPort = 9127 }]
    mountPoints            = [{ containerPath = "/run/sluice", sourceVolume = "run", readOnly = false }]
    ulimits                = [{ name = "nofile", softLimit = 65535, hardLimit = 65535 }]
    environment            = [for name, value in local.environment : { name = name, value = value }]
    secrets = [
      { name = "TLS_CERTIFICATE", valueFrom = "${data.aws_secretsmanager_secret.tls[0].arn}:certificate::" },
      { name = "TLS_PRIVATE_KEY", valueFrom = "${data.aws_secretsmanager_secret.tls[0].arn}:private_key::" },
    ]
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.sluice[0].name
        awslogs-region        = var.aws_region
        awslogs-stream-prefix = "sluice"
      }
    }
  }])
}

resource "aws_ecs_service" "this" {
  count                              = local.sluice
  name                               = var.rds_instance_id
  cluster                            = aws_ecs_cluster.this[0].arn
  task_definition                    = aws_ecs_task_definition.this[0].arn
  enable_execute_command             = var.enable_execute_command
  desired_count                      = var.min_tasks
  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200
  health_check_grace_period_seconds  = 60
  propagate_tags                     = "SERVICE"
  tags                               = var.rds_proxy_tags

  network_configuration {
    subnets          = local.subnets
    security_groups  = [aws_security_group.task[0].id]
    assign_public_ip = false
  }

  load_balancer {
    target_group_arn = aws_lb_target_group.this[0].arn
    container_name   = "sluice"
    container_port   = 5432
  }

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  # Two tasks are always on demand.
  capacity_provider_strategy {
    capacity_provider = "FARGATE"
    weight            = 1
    base              = 2
  }

  dynamic "capacity_provider_strategy" {
    for_each = var.fargate_spot_weight == 0 ? [] : [var.fargate_spot_weight]

    content {
      capacity_provider = "FARGATE_SPOT"
      weight            = capacity_provider_strategy.value
    }
  }

  timeouts {
    create = var.timeout
    update = var.timeout
    delete = var.timeout
  }

  # Autoscaling sets the number of tasks.
  lifecycle {
    ignore_changes = [desired_count]
  }

  depends_on = [
    aws_ecs_cluster_capacity_providers.this,
    aws_lb_listener.this,
    aws_iam_role_policy.execution,
    aws_iam_role_policy.task,
  ]
}

resource "aws_appautoscaling_target" "this" {
  count              = local.sluice
  service_namespace  = "ecs"
  resource_id        = "service/${aws_ecs_cluster.this[0].name}/${aws_ecs_service.this[0].name}"
  scalable_dimension = "ecs:service:DesiredCount"
  min_capacity       = var.min_tasks
  max_capacity       = var.max_tasks
}

# A task is one thread: its event loop limits it.
resource "aws_appautoscaling_policy" "event_loop" {
  count              = local.sluice
  name               = "sluice-${var.rds_instance_id}-event-loop"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.this[0].service_namespace
  resource_id        = aws_appautoscaling_target.this[0].resource_id
  scalable_dimension = aws_appautoscaling_target.this[0].scalable_dimension

  target_tracking_scaling_policy_configuration {
    target_value       = 60
    scale_in_cooldown  = 900
    scale_out_cooldown = 60

    customized_metric_specification {
      namespace   = "Sluice"
      metric_name = "EventLoopPercent"
      statistic   = "Average"

      dimensions {
        name  = "Service"
        value = var.rds_instance_id
      }
    }
  }
}
