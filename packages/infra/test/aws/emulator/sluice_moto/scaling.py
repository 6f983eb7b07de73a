"""Autoscaling and alarms, which moto emulates as services and ignores in templates."""

from moto.applicationautoscaling.models import applicationautoscaling_backends
from moto.cloudwatch.models import cloudwatch_backends
from moto.core.common_models import CloudFormationModel


class _Made:
    """The common part of these resources: an id, and an update that creates them again."""

    def __init__(self, physical_resource_id):
        self._id = physical_resource_id

    @staticmethod
    def cloudformation_name_type():
        return ""

    @property
    def physical_resource_id(self):
        return self._id

    @classmethod
    def update_from_cloudformation_json(
        cls, original_resource, new_resource_name, cloudformation_json, account_id, region_name
    ):
        original_resource.delete(account_id, region_name)
        return cls.create_from_cloudformation_json(
            original_resource._id, cloudformation_json, account_id, region_name
        )


class ScalableTarget(_Made, CloudFormationModel):
    @staticmethod
    def cloudformation_type():
        return "AWS::ApplicationAutoScaling::ScalableTarget"

    @classmethod
    def create_from_cloudformation_json(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs):
        values = cloudformation_json["Properties"]
        where = values["ServiceNamespace"], values["ResourceId"], values["ScalableDimension"]
        applicationautoscaling_backends[account_id][region_name].register_scalable_target(
            *where, int(values["MinCapacity"]), int(values["MaxCapacity"]), values.get("RoleARN"), None
        )
        return cls("|".join((where[1], where[2], where[0])))

    def delete(self, account_id, region_name):
        resource, dimension, namespace = self._id.split("|")
        backend = applicationautoscaling_backends[account_id][region_name]
        if backend._scalable_target_exists(resource, dimension):
            backend.deregister_scalable_target(namespace, resource, dimension)


class ScalingPolicy(_Made, CloudFormationModel):
    @staticmethod
    def cloudformation_type():
        return "AWS::ApplicationAutoScaling::ScalingPolicy"

    @classmethod
    def create_from_cloudformation_json(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs):
        values = cloudformation_json["Properties"]
        resource, dimension, namespace = values["ScalingTargetId"].split("|")
        applicationautoscaling_backends[account_id][region_name].put_scaling_policy(
            values["PolicyName"],
            namespace,
            resource,
            dimension,
            values["TargetTrackingScalingPolicyConfiguration"],
            values["PolicyType"],
        )
        return cls("|".join((resource, dimension, namespace, values["PolicyName"])))

    def delete(self, account_id, region_name):
        resource, dimension, namespace, name = self._id.split("|")
        backend = applicationautoscaling_backends[account_id][region_name]
        if any(policy.policy_name == name for policy in backend.policies.values()):
            backend.delete_scaling_policy(name, namespace, resource, dimension)


class Alarm(_Made, CloudFormationModel):
    @staticmethod
    def cloudformation_type():
        return "AWS::CloudWatch::Alarm"

    @classmethod
    def create_from_cloudformation_json(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs):
        values = cloudformation_json["Properties"]
        cloudwatch_backends[account_id][region_name].put_metric_alarm(
            name=resource_name,
            namespace=values["Namespace"],
            metric_name=values["MetricName"],
            comparison_operator=values["ComparisonOperator"],
            evaluation_periods=int(values["EvaluationPeriods"]),
            period=int(values["Period"]),
            threshold=float(values["Threshold"]),
            statistic=values["Statistic"],
            description=values.get("AlarmDescription", ""),
            dimensions=values.get("Dimensions", []),
            alarm_actions=values.get("AlarmActions", []),
            treat_missing_data=values.get("TreatMissingData"),
        )
        return cls(resource_name)

    def delete(self, account_id, region_name):
        cloudwatch_backends[account_id][region_name].alarms.pop(self._id, None)
