import { Argument, type Command, type Option } from "commander";
import type { CliPorts, ExitCode } from "./ports.ts";

const SHELLS = ["bash", "zsh", "fish"] as const;
type Shell = (typeof SHELLS)[number];

const EXAMPLES = `
Examples:
  source <(herald completion bash)                                     for this shell
  herald completion bash > /etc/bash_completion.d/herald               for all later ones
  herald completion zsh > "\${fpath[1]}/_herald"
  herald completion fish > ~/.config/fish/completions/herald.fish
`;

/** Adds `herald completion`. */
export function registerCompletion(program: Command, ports: CliPorts, done: (code: ExitCode) => void): void {
  program
    .command("completion")
    .summary("print a script that completes command lines in a shell")
    .description("Prints a script for the shell: commands, options and their values, made from the command tree.")
    .addArgument(new Argument("<shell>", "the shell").choices(SHELLS))
    .addHelpText("after", EXAMPLES)
    .action((shell: Shell) => {
      ports.stdout(SCRIPTS[shell](nodesOf(program, [])));
      done(0);
    });
}

/** A command, and what may follow it. */
interface Node {
  /** The words behind `herald`. */
  readonly path: readonly string[];
  readonly commands: readonly Word[];
  readonly options: readonly OptionWord[];
  /** Values of its arguments, where they are a few. */
  readonly values: readonly string[];
}

interface Word {
  readonly word: string;
  readonly says: string;
}

interface OptionWord extends Word {
  /** `-o` beside `--output`. */
  readonly short: string | undefined;
  readonly takesValue: boolean;
  readonly choices: readonly string[];
}

function nodesOf(command: Command, path: readonly string[]): readonly Node[] {
  const shown = command.createHelp().visibleCommands(command);
  const node: Node = {
    path,
    commands: shown.map((one) => ({ word: one.name(), says: one.summary() || one.description() })),
    options: command.createHelp().visibleOptions(command).flatMap(optionWord),
    values: command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []),
  };
  // The help command is made for the help alone, and has no options.
  const real = shown.filter((one) => command.commands.includes(one));
  const names = (one: Command): readonly string[] => [one.name(), ...one.aliases()];
  return [node, ...real.flatMap((one) => names(one).flatMap((name) => nodesOf(one, [...path, name])))];
}

function optionWord(option: Option): readonly OptionWord[] {
  const { long, short, description, argChoices: choices = [], required, optional } = option;
  if (long === undefined || long === null) return [];
  return [{ word: long, says: description, short: short ?? undefined, takesValue: required || optional, choices }];
}

const SCRIPTS: Record<Shell, (nodes: readonly Node[]) => string> = { bash, zsh, fish };

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function wordsOf({ commands, options, values }: Node): string {
  const flags = options.flatMap(({ word, short }) => (short === undefined ? [word] : [word, short]));
  return [...commands.map(({ word }) => word), ...values, ...flags].join(" ");
}

/** What `_herald_path` says, without options: the command so far. */
function valueCases(nodes: readonly Node[], say: (choices: readonly string[]) => string): readonly string[] {
  return nodes.flatMap(({ path, options }) =>
    options
      .filter(({ choices }) => choices.length > 0)
      .flatMap(({ word, short, choices }) =>
        [word, ...(short === undefined ? [] : [short])].map(
          (flag) => `    ${quoted([...path, flag].join(" "))}) ${say(choices)} ;;`,
        ),
      ),
  );
}

function bash(nodes: readonly Node[]): string {
  const known = nodes.filter(({ path }) => path.length > 0).map(({ path }) => path.join(" "));
  return `# bash completion of herald
_herald() {
  local cur prev path word i
  cur="\${COMP_WORDS[COMP_CWORD]}"
  prev="\${COMP_WORDS[COMP_CWORD-1]}"
  path=""
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${path:+$path }\${COMP_WORDS[i]}"
    case "$word" in
      ${known.map(quoted).join("|")}) path="$word" ;;
    esac
  done
  case "\${path:+$path }$prev" in
${valueCases(nodes, (choices) => `COMPREPLY=($(compgen -W ${quoted(choices.join(" "))} -- "$cur")); return`).join("\n")}
  esac
  case "$path" in
${nodes.map((node) => `    ${quoted(node.path.join(" "))}) COMPREPLY=($(compgen -W ${quoted(wordsOf(node))} -- "$cur")) ;;`).join("\n")}
  esac
}
complete -o default -F _herald herald kubectl-herald
`;
}

function zsh(nodes: readonly Node[]): string {
  const known = nodes.filter(({ path }) => path.length > 0).map(({ path }) => path.join(" "));
  const described = ({ word, says }: Word): string => quoted(`${word.replaceAll(":", "\\:")}:${says}`);
  const cases = nodes.map(({ path, commands, options, values }) => {
    const all = [...commands, ...values.map((word) => ({ word, says: "" })), ...options];
    return `    ${quoted(path.join(" "))}) words_=(${all.map(described).join(" ")}) ;;`;
  });
  return `#compdef herald kubectl-herald
_herald() {
  local path_ word i
  local -a words_
  path_=""
  for ((i = 2; i < CURRENT; i++)); do
    word="\${path_:+$path_ }\${words[i]}"
    case "$word" in
      ${known.map(quoted).join("|")}) path_="$word" ;;
    esac
  done
  case "\${path_:+$path_ }\${words[CURRENT-1]}" in
${valueCases(nodes, (choices) => `compadd -- ${choices.join(" ")}; return`).join("\n")}
  esac
  case "$path_" in
${cases.join("\n")}
  esac
  _describe herald words_ || _files
}
if [ "$funcstack[1]" = _herald ]; then _herald "$@"; else compdef _herald herald kubectl-herald; fi
`;
}

function fish(nodes: readonly Node[]): string {
  const known = nodes.filter(({ path }) => path.length > 0).map(({ path }) => path.join(" "));
  const lines = nodes.flatMap((node) => {
    const at = `-n ${quoted(`__herald_at ${quoted(node.path.join(" "))}`)}`;
    return [
      ...node.commands.map(({ word, says }) => `complete -c herald ${at} -f -a ${word} -d ${quoted(says)}`),
      ...node.values.map((word) => `complete -c herald ${at} -f -a ${word}`),
      ...node.options.map((option) => fishOption(option, at)),
    ];
  });
  return `# fish completion of herald
function __herald_at
  set -l path
  set -l words (commandline -opc)
  for word in $words[2..-1]
    set -l next (string join -- ' ' $path $word)
    contains -- "$next" ${known.map(quoted).join(" ")}; and set path (string split -- ' ' "$next")
  end
  test "$path" = "$argv[1]"
end
${lines.join("\n")}
complete -c kubectl-herald -w herald
`;
}

function fishOption({ word, short, says, takesValue, choices }: OptionWord, at: string): string {
  const dash = short === undefined ? "" : ` -s ${short.slice(1)}`;
  const value = choices.length > 0 ? ` -x -a ${quoted(choices.join(" "))}` : takesValue ? " -r" : "";
  return `complete -c herald ${at} -l ${word.slice(2)}${dash}${value} -d ${quoted(says)}`;
}
