// Package sim runs the whole system in virtual time, with faults: the real switch and the real issuer simulator in one
// process, in a bubble of testing/synctest, over a network and disks of its own.
//
//	actors (gateway client) ──▶ network ──▶ txswitch ──▶ network ──▶ issuersim
//	                                           │                        │
//	                                     crashable disk           crashable disk
//
// A run is a [Plan], drawn from a seed: what each actor asks for, and which faults happen when. The actors write down
// every answer, the network every message to the issuer. A crash loses what was not synced. Once the plan is played,
// the faults end, what is down is started again, everything must drain, the day is cut over, and then:
//
//   - the independent auditor (package audit) holds journal, issuer and clearing files against each other;
//   - each answer that any actor was ever given still holds, and each key's history is linearizable (porcupine, I3);
//   - each message that reached the wire has its intent in the journal (I1), repeats are equal to their originals but
//     for the MTI, and no identity was used twice (I9);
//   - the metrics add up (I11), no card number stands in the clear outside the clearing files (I12), nothing has stayed
//     unknown.
//
// Subjects of their own are topics (topic.go): each in a file that announces what it draws, plays and checks.
//
// It is not deterministic: a seed fixes workload and faults, every random choice below is a hash of the seed and of
// what it is about, and delays fall on distinct instants; but goroutines that are ready at the same instant run in any
// order. docs/reliability.md says how often a failing seed fails again.
package sim
