"""Flights that departed New York City in 2013, with their airlines, airports, planes and weather."""
