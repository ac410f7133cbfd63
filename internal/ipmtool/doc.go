// Package ipmtool is what `switchctl clearing` does with clearing files beyond verifying one: it shows records,
// compares files with each other, with tables and with what was booked, counts what stands in them, writes records in
// other formats and files with other cards, and sends records again. It knows no journal and no switch; files of others
// are read as ours are.
//
// Files are read as streams. What must be kept of 10,000,000 records to compare them is sorted, in a file where it is
// more than memory is given; a table that a file is held against takes 40 bytes a row.
package ipmtool
