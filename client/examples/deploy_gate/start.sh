#!/bin/sh
# Start a service only with an artifact that may run here.
#
#   start.sh model.bin production gunicorn serving:app
#
# Needs python3 (3.11 or newer) and verifier.py beside this file (every portal hands it out at /verifier.py), and
# neither a network nor the portal. It looks for model.bin.attestation.json and model.bin.revocations.json, as
# pipeline_step.sh left them, and for trust.json beside this file. Renew the revocation list every few hours, for
# a stale one stops the next start:
#
#   curl -fsS https://portal.example.org/api/v1/revocations -o model.bin.revocations.json.new &&
#       mv model.bin.revocations.json.new model.bin.revocations.json
#
# The service takes this script's place, so signals reach it. Keep the artifact where the service cannot write it:
# what is swapped after the check was not checked.
set -eu

artifact=$1
environment=$2
shift 2
here=$(dirname "$0")

python3 -I "$here/verifier.py" attestation "$artifact.attestation.json" \
    --artifact "$artifact" --environment "$environment" --revocations "$artifact.revocations.json" \
    --trust "${COUNTERSIGN_TRUST:-$here/trust.json}" >&2

exec "$@"
