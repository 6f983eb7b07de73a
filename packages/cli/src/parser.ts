import { Help, Option as ParserOption, InvalidArgumentError } from 'commander';
import type { Command as Parser } from 'commander';
import type { Command, Option } from './command.ts';
import { UsageError } from './command.ts';

/** Adds the positional arguments of a command to its parser. */
export function addArguments(parser: Parser, command: Command): void {
  for (const { name, description } of command.arguments ?? []) {
    parser.argument(name, description);
  }
}

/** Adds the options of a command to its parser. */
export function addOptions(parser: Parser, command: Command): void {
  for (const option of command.options) {
    parser.addOption(parserOption(option));
  }
}

/** Adds the examples of a command to the end of its help. */
export function addExamples(parser: Parser, { examples = [] }: Command): void {
  if (examples.length > 0) {
    const lines = examples.map(({ line, does }) => `  ${line}\n      ${does}`);
    parser.addHelpText('after', `\nExamples:\n${lines.join('\n')}`);
  }
}

/** Makes the help of `sluice` list the commands of each namespace with its word: `aws plan`. */
export function listNamespaces(root: Parser): void {
  const help = new Help();
  root.configureHelp({
    visibleCommands: (parser) =>
      help
        .visibleCommands(parser)
        .flatMap((sub) => (sub.commands.length > 0 ? [...sub.commands] : [sub])),
    subcommandTerm: (sub) => {
      // Nearly every command has options, so `[options]` is omitted.
      const term = help.subcommandTerm(sub).replace(' [options]', '');
      return sub.parent === root || sub.parent === null ? term : `${sub.parent.name()} ${term}`;
    },
  });
}

function parserOption(option: Option): ParserOption {
  const parserOption = new ParserOption(option.flags, option.description);
  if (option.choices !== undefined) {
    parserOption.choices(option.choices);
  }
  if (option.default !== undefined) {
    parserOption.default(option.default);
  }
  if (option.required === true) {
    parserOption.makeOptionMandatory();
  }
  const { parse } = option;
  if (parse !== undefined) {
    parserOption.argParser((text: string, previous: unknown) => {
      try {
        return parse(text, previous);
      } catch (error) {
        // commander adds the option and the value to this type of error.
        throw error instanceof UsageError ? new InvalidArgumentError(error.message) : error;
      }
    });
  }
  return parserOption;
}
