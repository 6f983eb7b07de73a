import { didYouMean } from '../../inputs/parse.ts';
import { found, type SecurityGroup } from '../../resolve/facts.ts';
import { madeByStack } from '../../resolve/made.ts';
import { allowsDatabaseIngress } from '../../resolve/names.ts';
import { chooseSubnets } from '../../resolve/choose-subnets.ts';
import type { Inputs } from '../../inputs/table.ts';
import { reach } from '../../resolve/reach.ts';
import {
  failed,
  passed,
  skipped,
  warning,
  worst,
  type Check,
  type Subject,
  type Verdict,
} from '../check.ts';

export const group: Check = {
  code: 'PF06',
  title: 'security group',
  looks: 'ec2:DescribeSecurityGroups',
  why: 'If the name matches no group, the proxy silently gets the VPC’s default group.',
  run: ({ inputs, facts }) => {
    const groups = found(facts.namedGroups);
    if (groups === undefined) {
      return skipped('the security groups could not be read');
    }
    if (inputs.SecurityGroupIds.length > 0) {
      return byId(inputs, groups);
    }
    const name = inputs.rds_security_group_name ?? '';
    const ids = groups.map((entry) => entry.id).join(', ');
    if (inputs.CreateSecurityGroup) {
      return groups.length === 0 || madeByStack(facts, 'AWS::EC2::SecurityGroup', 'GroupName', name)
        ? passed(`${name} is created by this stack`)
        : failed(
            `CreateSecurityGroup is true, and ${inputs.vpc_id} already has a group ${name} (${ids})`,
            'choose another rds_security_group_name, or leave CreateSecurityGroup out to use the group that is there',
          );
    }
    if (groups.length === 0) {
      return failed(
        `${inputs.vpc_id} has no security group named ${name}${didYouMean(name, facts.groupNames)}`,
        /^sg-[0-9a-f]+$/.test(name)
          ? `this is an id: give SecurityGroupIds = ["${name}"] instead of rds_security_group_name`
          : 'correct rds_security_group_name, or let CreateSecurityGroup = true make it',
      );
    }
    return groups.length === 1
      ? passed(`${name} is ${ids}`)
      : failed(
          `${name} is the name of ${groups.length} groups: ${ids}`,
          'rename all but one, or give SecurityGroupIds',
        );
  },
};

function byId(inputs: Inputs, groups: readonly SecurityGroup[]): Verdict {
  const missing = inputs.SecurityGroupIds.filter((id) => !groups.some((one) => one.id === id));
  return missing.length === 0
    ? passed(groups.map((one) => `${one.id} (${one.name})`).join(', '))
    : failed(
        `${inputs.vpc_id} has no security group ${missing.join(', ')}`,
        'correct SecurityGroupIds: every group must be of the VPC',
      );
}

export const paths: Check = {
  code: 'PF07',
  title: 'network path',
  looks: 'ec2:DescribeSecurityGroups',
  why: 'The most common failed apply: “Timed out waiting for target group to become available”, after ten minutes.',
  run: (subject) => {
    const { facts, inputs } = subject;
    const databaseGroups = found(facts.databaseGroups);
    const port = found(facts.database)?.port;
    // The addresses of the proxy are in these ranges, so a rule for them is as good as one for its group.
    const own = chooseSubnets(facts, inputs).chosen.flatMap((subnet) => subnet.cidr ?? []);
    const range = own.length > 0 ? own : (found(facts.vpc)?.cidrs ?? []);
    if (databaseGroups === undefined || port === undefined) {
      return skipped('the database or its groups are not known');
    }
    if (inputs.CreateSecurityGroup || inputs.engine === 'sluice') {
      return made(subject, databaseGroups, port, range);
    }
    const groups = found(facts.namedGroups) ?? [];
    if (groups.length === 0 || (groups.length !== 1 && inputs.SecurityGroupIds.length === 0)) {
      return skipped('the proxy’s security group is not known');
    }
    return worst([
      // The database may be anywhere in the VPC.
      outward(groups, databaseGroups, port, found(facts.vpc)?.cidrs ?? []),
      inward(groups, databaseGroups, port, range),
      clients(groups),
    ]);
  },
};

/** `orders-proxy (sg-1)`; the rules of several groups add up. */
function named(groups: readonly SecurityGroup[]): string {
  return groups.map((entry) => `${entry.name} (${entry.id})`).join(', ');
}

function outward(
  own: readonly SecurityGroup[],
  databaseGroups: readonly SecurityGroup[],
  port: number,
  cidrs: readonly string[],
): Verdict {
  const ids = databaseGroups.map((entry) => entry.id);
  const rules = own.flatMap((entry) => entry.egress);
  return judged(
    reach(rules, port, { groups: ids, cidrs }),
    `outward from ${named(own)} to port ${port} of the database (${ids.join(', ')})`,
    `add an outbound rule to ${own[0]?.id}: TCP ${port} to ${ids[0]}`,
  );
}

function inward(
  own: readonly SecurityGroup[],
  databaseGroups: readonly SecurityGroup[],
  port: number,
  cidrs: readonly string[],
): Verdict {
  const rules = databaseGroups.flatMap((entry) => entry.ingress);
  const ids = databaseGroups.map((entry) => entry.id);
  return judged(
    reach(rules, port, { groups: own.map((entry) => entry.id), cidrs }),
    `into the database (${ids.join(', ')}) on port ${port} from ${named(own)}`,
    `add an inbound rule to ${ids[0]}: TCP ${port} from ${own[0]?.id}`,
  );
}

/** RDS Proxy always listens on 5432, whatever the database's port. */
function clients(own: readonly SecurityGroup[]): Verdict {
  const rules = own.flatMap((entry) => entry.ingress);
  const open = rules.filter(
    (rule) => rule.groups.length + rule.cidrs.length + rule.prefixLists.length > 0,
  );
  const peers = open.filter(
    (rule) => reach([rule], 5432, { groups: rule.groups, cidrs: rule.cidrs }) !== 'none',
  );
  return peers.length > 0
    ? passed(`clients: ${named(own)} has an inbound rule for port 5432`)
    : failed(
        `no client can reach the proxy: ${named(own)} has no inbound rule for port 5432`,
        `add an inbound rule to ${own[0]?.id}: TCP 5432 from the clients’ group`,
      );
}

function made(
  { inputs, facts }: Subject,
  databaseGroups: readonly SecurityGroup[],
  port: number,
  cidrs: readonly string[],
): Verdict {
  const verdicts: Verdict[] = [];
  if (allowsDatabaseIngress(inputs)) {
    verdicts.push(passed('the stack adds a rule for the new group to the groups of the database'));
  } else {
    const rules = databaseGroups.flatMap((entry) => entry.ingress);
    verdicts.push(
      judged(
        reach(rules, port, { groups: [], cidrs }),
        `into the database on port ${port} from the new group`,
        'set AllowDatabaseIngress = true, so that the stack adds a rule for the new group to the groups of the database',
      ),
    );
  }
  if (!inputs.CreateSecurityGroup) {
    const given = found(facts.namedGroups) ?? [];
    verdicts.push(given.length === 0 ? skipped('the clients’ group is not known') : clients(given));
  } else if (inputs.ClientCidrs.length + inputs.ClientSecurityGroupIds.length === 0) {
    verdicts.push(
      failed(
        'no client can reach the proxy: the new group admits nobody',
        'give ClientSecurityGroupIds or ClientCidrs',
      ),
    );
  }
  return worst(verdicts);
}

function judged(far: ReturnType<typeof reach>, path: string, fix: string): Verdict {
  if (far === 'whole') {
    return passed(`${path} is open`);
  }
  return far === 'part'
    ? warning(
        `${path} is only partly open: the address ranges or prefix lists may not cover it`,
        fix,
      )
    : failed(`${path} is closed`, fix);
}
