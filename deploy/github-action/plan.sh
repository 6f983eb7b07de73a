#!/usr/bin/env bash
# Plans, and writes the plan as JSON, as SARIF and as the text of a comment. A blocked plan is reported in exit-code and does
# not end the script, so that the comment is written in any case.
set -uo pipefail

folder="$(mktemp -d)"
inputs="$(realpath "$SLUICE_INPUTS")"
cd "$SLUICE_DIRECTORY" || exit 1

# The arguments are split into words, as a shell does.
# shellcheck disable=SC2086
npx sluice aws plan --inputs "$inputs" ${SLUICE_ARGUMENTS:-} --detailed-exitcode --sarif "$folder/plan.sarif" >"$folder/plan.txt" 2>&1
code=$?
# shellcheck disable=SC2086
npx sluice aws plan --inputs "$inputs" ${SLUICE_ARGUMENTS:-} --json >"$folder/plan.json" 2>/dev/null

{
  echo "### Sluice plan of \`$SLUICE_INPUTS\`"
  echo
  case "$code" in
    0) echo "No changes." ;;
    2) echo "There are changes." ;;
    *) echo "**Something blocks the plan.**" ;;
  esac
  echo
  echo "<details><summary>$(grep -E '^(Plan|Blocked|No changes)' "$folder/plan.txt" | head -1)</summary>"
  echo
  echo '```'
  # A comment on GitHub has at most 65,536 characters.
  head -c 60000 "$folder/plan.txt"
  echo '```'
  echo
  echo '</details>'
} >"$folder/comment.md"

{
  echo "exit-code=$code"
  echo "plan=$folder/plan.json"
  echo "sarif=$folder/plan.sarif"
  echo "comment=$folder/comment.md"
} >>"$GITHUB_OUTPUT"
