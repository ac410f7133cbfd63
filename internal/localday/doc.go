// Package localday is a whole business day on daemons of this machine: what the demo and the crash rounds have in
// common.
//
// It writes switchd's configuration for the day's merchants and schemes ([WriteConfig]), plans the day of a seed
// ([Plan]; package day plays it), and at the end closes it ([Day.Close]): the queue is drained, the business date
// closed, each clearing file verified, held against the driver's own book and handed to the issuer, and the three books
// are audited together with what the driver was told.
//
// It guarantees that all that is wrong is in Day.Problems and nothing is passed over: a step that fails does not keep
// those after it from telling what they can.
package localday
