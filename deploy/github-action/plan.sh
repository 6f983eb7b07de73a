#!/usr/bin/env bash
# Plans once, and writes the plan as JSON, as SARIF and as the Markdown of a comment. A blocked plan is reported in exit-code
# and does not end the script, so that the comment is written in any case.
set -uo pipefail

folder="$(mktemp -d)"
inputs="$(realpath "$SLUICE_INPUTS")"
cd "$SLUICE_DIRECTORY" || exit 1

# The arguments are split into words, as a shell does.
# shellcheck disable=SC2086
npx sluice aws plan --inputs "$inputs" ${SLUICE_ARGUMENTS:-} --detailed-exitcode \
  --json --sarif "$folder/plan.sarif" --markdown "$folder/plan.md" >"$folder/plan.json"
code=$?

{
  echo "### Sluice plan of \`$SLUICE_INPUTS\`"
  echo
  case "$code" in
    0) echo "No changes." ;;
    2) echo "There are changes." ;;
    *) echo "**Something blocks the plan.**" ;;
  esac
  echo
  # It is missing if the command could not start, for example because of a wrong option: the JSON says why.
  cat "$folder/plan.md" 2>/dev/null || {
    echo '```json'
    cat "$folder/plan.json"
    echo '```'
  }
} >"$folder/comment.md"

{
  echo "exit-code=$code"
  echo "plan=$folder/plan.json"
  # It is missing if there is no plan.
  if [ -f "$folder/plan.sarif" ]; then echo "sarif=$folder/plan.sarif"; fi
  echo "comment=$folder/comment.md"
} >>"$GITHUB_OUTPUT"
