package report

// ReadUpTo is Read with another limit than MaxRecords, which takes long to reach.
var ReadUpTo = readUpTo
