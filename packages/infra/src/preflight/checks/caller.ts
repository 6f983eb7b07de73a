import { callerWishes } from '../../resolve/caller-wishes.ts';
import { found } from '../../resolve/facts.ts';
import { failed, passed, skipped, type Check } from '../check.ts';

export const account: Check = {
  code: 'PF01',
  title: 'account',
  looks: 'sts:GetCallerIdentity',
  why: 'With the credentials of another account nothing would be found, or worse, something else of the same name.',
  run: ({ inputs, facts }) => {
    const caller = found(facts.caller);
    if (caller === undefined) {
      return skipped('the caller is not known');
    }
    return caller.account === inputs.aws_account_id
      ? passed(`${caller.arn} in account ${caller.account}, region ${inputs.aws_region}`)
      : failed(
          `the credentials belong to account ${caller.account} (${caller.arn}), aws_account_id is ${inputs.aws_account_id}`,
          `use credentials of ${inputs.aws_account_id}, for example another AWS_PROFILE, or correct aws_account_id`,
        );
  },
};

export const callerRights: Check = {
  code: 'PF20',
  title: 'rights of the caller',
  looks: 'iam:SimulatePrincipalPolicy',
  why: 'CloudFormation acts with the caller’s rights; a missing one shows only half-way through.',
  run: ({ inputs, facts }) => {
    if (!('found' in facts.callerRights)) {
      return skipped(`not known: ${facts.callerRights.told}`);
    }
    const denied = Object.entries(facts.callerRights.found).filter(
      ([, decision]) => decision !== 'allowed',
    );
    const count = callerWishes(inputs, found(facts.role)?.arn).length;
    return denied.length === 0
      ? passed(`all ${count} actions that an apply begins with are allowed`)
      : failed(
          denied.map(([wish, decision]) => `${wish}: ${decision}`).join('; '),
          'let the caller’s policy allow these actions (docs/infrastructure.md lists all of them)',
        );
  },
};
