"""What a contract allows and a biller regrets: keys, times, values and customers of many events."""
