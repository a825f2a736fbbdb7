#!/bin/sh
# A pipeline step: nothing is shipped that may not run.
#
#   pipeline_step.sh model.bin production
#
# It downloads the attestation of model.bin and the newest revocation list, checks both with the key that was
# handed to this pipeline (trust.json, kept with the pipeline and not fetched from the portal it checks), and
# leaves them beside the artifact for the start-up script. COUNTERSIGN_URL and COUNTERSIGN_TOKEN (scope: read)
# come from the pipeline's secrets. Exit code 0: ship it, 1: it may not run, 2: it cannot be told; the last two
# stop the pipeline.
set -eu

artifact=$1
environment=$2
here=$(dirname "$0")

countersign attestation "$artifact.attestation.json" \
    --artifact "$artifact" --environment "$environment" --revocations "$artifact.revocations.json"

countersign verify attestation "$artifact.attestation.json" \
    --artifact "$artifact" --environment "$environment" --revocations "$artifact.revocations.json" \
    --trust "${COUNTERSIGN_TRUST:-$here/trust.json}"
