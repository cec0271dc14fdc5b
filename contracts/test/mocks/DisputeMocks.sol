// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IArbiter} from "../../src/interfaces/IArbiter.sol";
import {IAssetRegistry} from "../../src/interfaces/IAssetRegistry.sol";
import {IDisputes} from "../../src/interfaces/IDisputes.sol";
import {IArbitrable, IArbitrator} from "../../src/interfaces/IERC792.sol";

/// @notice All that Disputes asks of the registry. Anyone may hand an asset over.
contract DisputeRegistry {
    mapping(uint256 assetId => IAssetRegistry.Details) private _details;

    function give(uint256 assetId, address owner) external {
        _details[assetId].owner = owner;
    }

    function detailsOf(uint256 assetId) external view returns (IAssetRegistry.Details memory) {
        return _details[assetId];
    }

    function setFrozenUntil(uint256 assetId, uint64 until) external {
        _details[assetId].frozenUntil = until;
    }
}

/// @notice Rules as anyone tells it.
contract OpenArbiter is IArbiter {
    IDisputes public immutable DISPUTES;

    constructor(IDisputes disputes) {
        DISPUTES = disputes;
    }

    function rule(uint256 disputeId, IDisputes.Ruling ruling) external {
        DISPUTES.rule(disputeId, ruling);
    }
}

/// @notice Answers who it rules for, and never rules.
contract DeadArbiter is IArbiter {
    IDisputes public immutable DISPUTES;

    constructor(IDisputes disputes) {
        DISPUTES = disputes;
    }

    fallback() external payable {
        revert("dead");
    }
}

/// @notice An ERC-792 arbitrator that charges `cost` and rules as anyone tells it.
contract TestArbitrator is IArbitrator {
    uint256 public cost = 0.01 ether;
    uint256 public disputes;
    uint256 public choices;
    bytes public extraData;

    function setCost(uint256 newCost) external {
        cost = newCost;
    }

    function createDispute(uint256 newChoices, bytes calldata newExtraData)
        external
        payable
        virtual
        returns (uint256 disputeID)
    {
        require(msg.value == cost, "cost");
        (choices, extraData) = (newChoices, newExtraData);
        return disputes++;
    }

    function arbitrationCost(bytes calldata) external view returns (uint256) {
        return cost;
    }

    function give(IArbitrable arbitrable, uint256 disputeID, uint256 ruling) external {
        arbitrable.rule(disputeID, ruling);
    }
}

/// @notice Calls back while it opens a dispute, and remembers whether that went through.
contract HostileArbitrator is TestArbitrator {
    bytes public data;
    bool public succeeded;

    function arm(bytes memory newData) external {
        data = newData;
    }

    function createDispute(uint256, bytes calldata) external payable override returns (uint256 disputeID) {
        (succeeded,) = msg.sender.call{value: msg.value}(data);
        return disputes++;
    }
}

/// @notice Sends coin that nobody asked for.
contract Forcer {
    constructor(address payable to) payable {
        selfdestruct(to);
    }
}
