// Package folder settles merchants from the clearing files that stand in a switch's clearing folder, a folder a
// business date: nothing is given by hand.
//
// Read first: settle.go (the period), clearing.go (the dates), pair.go (a file with its table), match.go (whose money
// what came moves), again.go (what is presented more than once).
//
// It guarantees that nothing is settled of a file that is not whole: its manifest's sums, its trailer and its detail
// file must say what its records say, record by record, and no file of a date may be missing between others. The first
// thing that is wrong ends the run, with the file, the record and the field. Files are read as streams.
//
// It writes nothing and asks no switch. Card numbers in files are used to find out the scheme and to hold the records
// against the detail file, which has them masked; they go nowhere (I12).
package folder
