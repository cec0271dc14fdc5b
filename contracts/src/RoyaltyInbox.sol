// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IPayouts} from "./interfaces/IPayouts.sol";
import {IRoyaltyInbox} from "./interfaces/IRoyaltyInbox.sol";
import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

/// @title RoyaltyInbox
/// @notice The code behind every asset's inbox. An inbox is a minimal clone that carries its asset's id; its address is
/// known, and can receive, before it is deployed.
/// @dev Limitations: once deployed it needs more than the 2300 gas of `transfer` and `send` to receive native coin.
/// ERC-721 and ERC-1155 tokens sent here stay here.
contract RoyaltyInbox is IRoyaltyInbox {
    using SafeERC20 for IERC20;

    // ------------------------------------------------------------------------------------------------------ constants

    bytes32 public constant REASON = "royalty";

    IPayouts public immutable PAYOUTS;
    address private immutable SELF;

    // ---------------------------------------------------------------------------------------------------- constructor

    constructor() {
        PAYOUTS = IPayouts(msg.sender);
        SELF = address(this);
    }

    // ------------------------------------------------------------------------------------------------------- external

    receive() external payable {}

    /// @inheritdoc IRoyaltyInbox
    function sweep(address token) external returns (uint256 received) {
        uint256 id = assetId();
        if (token == address(0)) {
            uint256 balance = address(this).balance;
            return PAYOUTS.fund{value: balance}({assetId: id, token: token, amount: balance, reason: REASON});
        }
        uint256 amount = IERC20(token).balanceOf(address(this));
        IERC20(token).forceApprove(address(PAYOUTS), amount);
        return PAYOUTS.fund({assetId: id, token: token, amount: amount, reason: REASON});
    }

    /// @inheritdoc IRoyaltyInbox
    function assetId() public view returns (uint256) {
        if (address(this) == SELF) revert NotAClone();
        return abi.decode(Clones.fetchCloneArgs(address(this)), (uint256));
    }
}
