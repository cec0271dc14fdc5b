#!/usr/bin/env bash
# Claims without the market's site, with cast, curl and jq. For lists of thousands take claim.ts, which is faster.
# Set PAYOUTS, FROM_BLOCK, IPFS (a gateway's prefix), ACCOUNT, TOKEN (zeros: native coin), KEY (who pays for the call), ETH_RPC_URL.
set -euo pipefail
export LC_ALL=C

pair() { if [[ $1 < $2 ]]; then cast keccak "$1${2:2}"; else cast keccak "$2${1:2}"; fi; }
leaf() { cast keccak "$(cast keccak "$(cast abi-encode 'f(uint256,address,address,address,uint256)' "$CHAIN_ID" "$PAYOUTS" "$1" "$2" "$3")")"; }

CHAIN_ID=$(cast chain-id)
ROOT=$(cast call "$PAYOUTS" 'activeRoot()(bytes32)')
EVENT='RootProposed(uint64,uint64 indexed,bytes32 indexed,string,uint64,(address,uint256)[],uint64)'
DATA=$(cast logs --json --address "$PAYOUTS" --from-block "$FROM_BLOCK" "$(cast sig-event "$EVENT")" |
    jq -r --arg root "$ROOT" '[.[] | select(.topics[2] == $root)][-1].data')
CID=$(cast decode-abi --json 'f()(uint64,string,uint64,(address,uint256)[],uint64)' "$DATA" | jq -r '.[1]')
LIST=$(mktemp)
trap 'rm -f "$LIST"' EXIT
curl -sf "$IPFS$CID" -o "$LIST"

LEVEL=() PROOF=() AT=-1
while read -r who token cumulative; do
    [ "$who $token" != "${ACCOUNT,,} ${TOKEN,,}" ] || { AT=${#LEVEL[@]}; CUMULATIVE=$cumulative; }
    LEVEL+=("$(leaf "$who" "$token" "$cumulative")")
done < <(jq -r '.entries[] | "\(.account | ascii_downcase) \(.token | ascii_downcase) \(.cumulative)"' "$LIST" | sort)
[ $AT -ge 0 ] || { echo "$ACCOUNT is not in the list"; exit 1; }
while [ ${#LEVEL[@]} -gt 1 ]; do
    SIBLING=$((AT ^ 1)) ABOVE=()
    [ $SIBLING -ge ${#LEVEL[@]} ] || PROOF+=("${LEVEL[SIBLING]}")
    for ((i = 0; i < ${#LEVEL[@]}; i += 2)); do
        if [ $((i + 1)) -lt ${#LEVEL[@]} ]; then ABOVE+=("$(pair "${LEVEL[i]}" "${LEVEL[i + 1]}")"); else ABOVE+=("${LEVEL[i]}"); fi
    done
    LEVEL=("${ABOVE[@]}") AT=$((AT / 2))
done
[ "${LEVEL[0]}" = "$ROOT" ] || { echo "the list is not the one behind the root"; exit 1; }

cast send "$PAYOUTS" 'claim(address,address,uint256,bytes32[])' "$ACCOUNT" "$TOKEN" "$CUMULATIVE" "[$(IFS=,; echo "${PROOF[*]}")]" \
    --private-key "$KEY" >/dev/null
echo "claimed up to $CUMULATIVE of $TOKEN for $ACCOUNT"
