// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

/// @title Signatures of accounts and of contracts
library Signatures {
    /// @notice Whether `signer` signed `digest`: an account with 65 or 64 (ERC-2098) bytes, or a contract by ERC-1271.
    /// @dev The key is tried first, so an account that delegates to code (EIP-7702) still signs with it.
    function isValid(address signer, bytes32 digest, bytes memory signature) internal view returns (bool) {
        (uint8 v, bytes32 r, bytes32 s) = ECDSA.parse(signature);
        (address recovered,,) = ECDSA.tryRecover(digest, v, r, s);
        if (recovered != address(0) && recovered == signer) return true;
        return signer.code.length != 0 && SignatureChecker.isValidERC1271SignatureNow(signer, digest, signature);
    }
}
