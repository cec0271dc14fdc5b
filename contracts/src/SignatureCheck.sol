// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

/// @title Signature check
/// @notice Tells whether an account signed a digest, also when the account is a contract that is not deployed yet (ERC-6492).
/// @dev Never deployed. Its creation code is executed by a call without an address (`eth_call`), and returns one byte in place
/// of code: 1 if the signature holds, otherwise 0. What the account's factory does in this call is undone when it ends.
contract SignatureCheck {
    /// @notice What a signature that carries the account's factory ends in.
    bytes32 private constant ERC6492_SUFFIX = 0x6492649264926492649264926492649264926492649264926492649264926492;

    constructor(address account, bytes32 digest, bytes memory signature) {
        bool holds = _holds(account, digest, signature);
        assembly ("memory-safe") {
            mstore(0, holds)
            return(31, 1)
        }
    }

    function _holds(address account, bytes32 digest, bytes memory signature) private returns (bool) {
        if (!_isWrapped(signature)) return _isValid(account, digest, signature);
        assembly ("memory-safe") {
            mstore(signature, sub(mload(signature), 32))
        }
        (address factory, bytes memory creation, bytes memory inner) = abi.decode(signature, (address, bytes, bytes));
        // An account that exists answers for itself first. If it refuses, its factory may have something to prepare.
        if (account.code.length != 0 && _isValid(account, digest, inner)) return true;
        (bool done,) = factory.call(creation);
        return done && _isValid(account, digest, inner);
    }

    function _isValid(address account, bytes32 digest, bytes memory signature) private view returns (bool) {
        return account.code.length != 0 && SignatureChecker.isValidERC1271SignatureNow(account, digest, signature);
    }

    function _isWrapped(bytes memory signature) private pure returns (bool wrapped) {
        if (signature.length < 32) return false;
        assembly ("memory-safe") {
            wrapped := eq(mload(add(signature, mload(signature))), ERC6492_SUFFIX)
        }
    }
}
