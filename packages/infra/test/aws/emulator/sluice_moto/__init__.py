"""moto's server, with the CloudFormation resources of RDS Proxy that it lacks. See README.md next to this package."""
