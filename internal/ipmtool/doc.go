// Package ipmtool is what `switchctl clearing` does with clearing files beyond verifying them: it shows records,
// compares two files, counts what stands in one, and writes the records of one in another format. It knows no journal
// and no switch; files of others are read as ours are.
//
// Files are read as streams. What must be kept of 10,000,000 records to compare them is 40 bytes each, of the one file
// only.
package ipmtool
