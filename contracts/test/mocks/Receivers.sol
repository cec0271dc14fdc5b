// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @notice A contract account that does what it is told.
contract Puppet {
    function run(address target, uint256 value, bytes memory data) public payable returns (bytes memory) {
        return Address.functionCallWithValue(target, data, value);
    }
}

/// @notice A contract account that signs with a key (ERC-1271) and accepts coin.
contract Wallet is Puppet, IERC1271 {
    address public immutable SIGNER;

    constructor(address signer) {
        SIGNER = signer;
    }

    receive() external payable virtual {}

    function isValidSignature(bytes32 hash, bytes memory signature) external view returns (bytes4) {
        (address recovered,,) = ECDSA.tryRecover(hash, signature);
        return recovered == SIGNER ? IERC1271.isValidSignature.selector : bytes4(0);
    }
}

/// @notice Refuses native coin until told otherwise.
contract Refuser is Wallet {
    bool public willing;

    constructor(address signer) Wallet(signer) {}

    function relent() external {
        willing = true;
    }

    receive() external payable override {
        require(willing, "no");
    }
}

/// @notice Burns all gas it is given.
contract Burner is Wallet {
    constructor(address signer) Wallet(signer) {}

    receive() external payable override {
        while (true) {}
    }
}

/// @notice Calls back when it is paid, once for each payment, and remembers whether that went through.
contract Reenterer is Wallet {
    address public target;
    bytes public data;
    bool public succeeded;
    uint256 public tries;

    constructor(address signer) Wallet(signer) {}

    function arm(address newTarget, bytes memory newData) external {
        (target, data) = (newTarget, newData);
    }

    receive() external payable override {
        ++tries;
        (bool ok,) = target.call(data);
        succeeded = succeeded || ok;
    }
}
