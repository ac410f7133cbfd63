// Package mutant plants known bugs, one at a time, so that the simulation can be held against them: what it does not
// find there, it would not find elsewhere.
//
// It is inert in every ordinary build: without the build tag `mutants`, [On] is a constant false and what it guards is
// not compiled. With the tag, the environment variable SWITCHYARD_MUTANT names the bug that is live. `make mutants`
// runs the simulation against each; docs/reliability.md has the outcome.
package mutant

// Mutant is a known bug.
type Mutant string

// Bugs that only several merchants, gateways, nodes, keys and early clearing files show.
const (
	KeyWithoutMerchant Mutant = "key-without-merchant" // flow: a key of one merchant is another's, too (I3)
	ForeignPayments    Mutant = "foreign-payments"     // flow: a gateway is served on another's payment
	GatewayTakesAll    Mutant = "gateway-takes-all"    // front: one gateway may have all the room there is (I13)
	RRNWithoutNode     Mutant = "rrn-without-node"     // identity: the node's number is missing from the RRN (I9)
	AnswerTellsAsked   Mutant = "answer-tells-asked"   // flow: a gateway is told what it asked for, not what was granted
	OldKeysDropped     Mutant = "old-keys-dropped"     // pan: what an earlier key sealed cannot be opened
	PostedAgain        Mutant = "posted-again"         // issuer-sim: a capture is posted beside its clearing record
)

// The bugs. Each stands in one place, where a condition asks for it.
const (
	// journal: an outcome is acknowledged before it is synced (I2)
	AnswerBeforeSync Mutant = "answer-before-sync"
	// journal: an intent is acknowledged before it is synced (I1)
	SendBeforeSync        Mutant = "send-before-sync"
	DropReversalOnRestart Mutant = "drop-0420-on-restart" // saf: a queued reversal is not loaded at a start (I5)
	MatchBySTAN           Mutant = "match-by-stan"        // link: a response completes whatever has its STAN (I10)
	MatchIgnoresCard      Mutant = "match-ignores-card"   // link: an answer for another card is an answer (I10)
	RepeatAppliedTwice    Mutant = "repeat-applied-twice" // issuer-sim: the repeat of a message is applied again
	KeyAppliedTwice       Mutant = "key-applied-twice"    // flow: the repeat of a key is a new operation (I3)
	LateAnswerRevives     Mutant = "late-answer-revives"  // flow: a late approval makes the operation approved (I6)
	CaptureInTwoFiles     Mutant = "capture-in-two-files" // cutover: a file takes a presentment of the day before (I8)
	TimeoutIsDecline      Mutant = "timeout-is-decline"   // flow: no answer is a decline, and nothing is reversed (I5)
	// incoming: a record of a file that comes again is booked again (I18)
	ChargebackTwice Mutant = "chargeback-twice"
	ResubmitNewARN  Mutant = "resubmit-new-arn" // incoming: what was rejected is presented again as another payment's (I8)
	// incoming: what was charged back is presented a second time as often as somebody asks (I8)
	RepresentedTwice Mutant = "represented-twice"
	// exchange: a link lost with a request in flight counts as nothing sent
	LostIsNotSent      Mutant = "lost-is-not-sent"
	ForgetReservations Mutant = "forget-reservations"    // journal: blocks of numbers are not reserved durably (I9)
	DropAdvice         Mutant = "drop-advice-unanswered" // saf: an advice that is not answered is given up
	RepeatWithNewSTAN  Mutant = "repeat-with-new-stan"   // saf: a repeat gets an identity of its own (I9)
	ReversalAcceptsAny Mutant = "reversal-ends-on-any"   // saf: any answer ends a reversal, 91 and 96 too (I5)
	// flow: a date is sealed while a sale of it has no outcome (I8)
	SealWithoutWaiting Mutant = "seal-without-waiting"
	// cutover: a rebuilt file has the time of its rebuilding (I8)
	RebuildByClock Mutant = "rebuild-by-clock"
	FilesNotSynced Mutant = "files-not-synced" // cutover: clearing files are renamed without a sync (I8)
	// journal: a failed sync is acknowledged like any other (I14)
	FailureIgnored     Mutant = "failed-sync-acknowledged"
	VoidStaysInFile    Mutant = "void-stays-in-file"     // flow: a voided capture's presentment is not withdrawn (I8)
	SweepUnconfirmed   Mutant = "sweep-by-unconfirmed"   // txswitch: keys are swept by a clock that nobody confirmed
	YoungKeySwept      Mutant = "young-key-swept"        // txswitch: keys are swept days before their time (I3)
	CutoverUnconfirmed Mutant = "cutover-by-unconfirmed" // cutover: a date is closed by a clock that nobody confirmed
	DE7Repeated        Mutant = "de7-repeated"           // identity: a clock set back gives a (DE7, STAN) again (I9)
	// flow: an unwanted partial approval is declined and not reversed (I4)
	PartialNotUndone   Mutant = "partial-not-undone"
	AcquirerFromConfig Mutant = "acquirer-from-config"   // message: DE32 and DE90 come from today's config
	NotFoundEndsAny    Mutant = "25-ends-any-reversal"   // payment: 21 and 25 end any reversal (I5)
	CaptureUnchecked   Mutant = "capture-unchecked"      // payment: more is captured than is left (I7)
	DeclinedTakesRoom  Mutant = "declined-takes-room"    // payment: declined operations use up a payment's room
	ForeignReversal    Mutant = "foreign-reversal-taken" // issuer-sim: a reversal in another currency is taken
	LogSampled         Mutant = "log-sampled"            // switchd: lines that are alike are left out of the log
	FullHostWaitedFor  Mutant = "full-host-waited-for"   // flow: a full host is waited for though another has room
	// identity: nodes of one acquirer id give the same STANs (I9)
	STANsNotShared       Mutant = "stans-not-shared"
	ReservedSTANGiven    Mutant = "reserved-stan-given"      // identity: a STAN is given while a late answer may come (I9)
	ReturningLinkRefused Mutant = "returning-link-refused"   // link: nobody waits for a link that is coming back
	WrongFieldInFile     Mutant = "wrong-field-in-file"      // cutover: DE12 of a record is when the issuer answered
	ManifestOff          Mutant = "manifest-off"             // cutover: a manifest's debits have a refund among them
	AnsweredIsReversed   Mutant = "answered-is-reversed"     // flow: a declined increment undoes its authorization (I4)
	VoidedStillCounts    Mutant = "voided-still-counts"      // payment: a voided capture counts in DE25
	VoidEntersClosing    Mutant = "void-enters-closing-date" // flow: a void enters a date that is being sealed
	SplitIgnoresSums     Mutant = "split-ignores-sums"       // cutover: files are split by records only
	NetworkIDWhenWritten Mutant = "network-id-when-written"  // cutover: DE63 is read when the file is written (I8)
	BrokenRecordHoldsAll Mutant = "broken-record-holds-all"  // cutover: a broken record keeps its date from being sealed
	// txswitch: an earlier copy of a journal goes on at once (I4)
	RestoredNotHeld    Mutant = "restored-not-held"
	FileOverwritten    Mutant = "file-overwritten"     // cutover: a file takes another one's place (I8)
	RecoversUnnamed    Mutant = "recovers-unnamed"     // operator: what nobody named goes on after a restore (I4)
	RRNStops           Mutant = "rrn-stops"            // identity: RRNs stop where their digits end (I9)
	DeliveredIsCarried Mutant = "delivered-is-carried" // cutover: what stands in a file is carried on (I8)
	CarriedOnce        Mutant = "carried-once"         // cutover: what was carried is not carried again (I8)
	CarriedStays       Mutant = "carried-stays"        // cutover: what is carried stays in its date, too (I8)
	// cutover: destinations get files of a date without settlement
	NoSettlementPassed Mutant = "no-settlement-passed-over"
	ARNWraps           Mutant = "arn-wraps"           // identity: ARNs begin again where they end (I9)
	BackupUnchecked    Mutant = "backup-unchecked"    // journal: a backup is not held against its manifest
	AnyHostDrives      Mutant = "any-host-drives"     // webguard: a request is taken whatever its Host
	UnknownParameter   Mutant = "unknown-parameter"   // operator: a parameter that nobody knows is passed over
	RoleForgotten      Mutant = "role-forgotten"      // operator: who may only look closes a business date
	ActNotRecorded     Mutant = "act-not-recorded"    // operator: what was refused is not in the record of acts
	AnyoneCredits      Mutant = "anyone-credits"      // flow: a merchant credits that may not
	CreditNotCleared   Mutant = "credit-not-cleared"  // flow: an approved credit has no presentment (I8)
	HangUpEndsCommit   Mutant = "hang-up-ends-commit" // flow: an outcome is not stored where the gateway hung up (I4)
	EndOfAnother       Mutant = "end-of-another"      // saf: an advice ends as the one before it in its batch (I5)
	RefusedIsStored    Mutant = "refused-is-stored"   // saf: all but the first of a batch's ends count as stored (I5)
	// link: an amount that a host need not repeat may be any (I10)
	AmountNotCompared   Mutant = "amount-not-compared"
	RefusedSignOnTaken  Mutant = "refused-sign-on-taken" // link: a sign-on that is refused is one that is approved
	CaptureAsNew        Mutant = "capture-as-new"        // mapping: without originals a capture of 1993 is a new payment
	ConstantTakesMoney  Mutant = "constant-takes-money"  // mapping: a constant stands where an amount does
	OtherClassDeclines  Mutant = "other-class-declines"  // mapping: an action code of another class declines a request
	CodeMappedTwice     Mutant = "code-mapped-twice"     // mapping: ours is taken for another one of theirs
	VoidWithoutOriginal Mutant = "void-without-original" // flow: a capture is voided at a host that has no originals
	RetryOvertaken      Mutant = "retry-overtaken"       // saf: a parked reversal that leaves too much is sent again
	LateCapture         Mutant = "late-capture"          // payment: a capture past its window is taken, unmarked
	WindowForgotten     Mutant = "window-forgotten"      // payment: the end of a capture window releases nothing
	AutomaticTwice      Mutant = "automatic-twice"       // payment: a capture by the switch is made at each look
	WindowVoided        Mutant = "window-voided"         // flow: a void at the issuer of what is in a window's file (I8)
	// reconcile: an 0500 has the totals of another date than its own
	TotalsOfAnotherDate Mutant = "totals-of-another-date"
	DifferenceAccepted  Mutant = "difference-accepted" // reconcile: an answer out of balance is taken for in balance
	// journal: of all keys the newest are looked up only (I3)
	OldStretchNotAsked Mutant = "old-stretch-not-asked"
	NodeNotInFileID    Mutant = "node-not-in-file-id" // cutover: nodes of one processor id name files alike (I8)
	DE7Ahead           Mutant = "de7-ahead"           // identity: DE7 is ahead of the clock by what is reserved of it
	DamagedLogTaken    Mutant = "damaged-log-taken"   // journal: a log that lost its end counts as a clean one (I2)
	AnyDateAhead       Mutant = "any-date-ahead"      // cutover: dates are closed however far ahead of the calendar
	// cutover: what is presented again counts as delivered with what was rejected (I8)
	AgainIsDelivered Mutant = "again-is-delivered"
	// cutover: what stands under the id of a window that is not written is taken for the window's own (I8)
	TakenForOwn Mutant = "taken-for-own"
	// cutover: what stands in a delivered file is voided at the issuer where the journal was put back (I8)
	DeliveredVoided Mutant = "delivered-voided"
	// cutover: what repeats a record has its DE12 in the zone that is configured by then
	RepeatedToday Mutant = "repeated-in-todays-zone"
	// cutover: files that wait for people are written as others are (I8)
	ReleasedUnasked   Mutant = "released-unasked"
	RefusedNotCarried Mutant = "refused-not-carried" // cutover: what stands in a date that is refused stays there (I8)
)

// All lists the bugs in the order of the table in docs/reliability.md.
func All() []Mutant {
	return []Mutant{
		AnswerBeforeSync, SendBeforeSync, DropReversalOnRestart, MatchBySTAN, MatchIgnoresCard, RepeatAppliedTwice,
		KeyAppliedTwice, LateAnswerRevives, CaptureInTwoFiles,
		KeyWithoutMerchant, ForeignPayments, GatewayTakesAll, RRNWithoutNode, AnswerTellsAsked, OldKeysDropped, PostedAgain,
		TimeoutIsDecline, LostIsNotSent, ForgetReservations, DropAdvice, RepeatWithNewSTAN, ReversalAcceptsAny,
		SealWithoutWaiting, FilesNotSynced, RebuildByClock, FailureIgnored, VoidStaysInFile, PartialNotUndone,
		AcquirerFromConfig,
		NotFoundEndsAny,
		CaptureUnchecked,
		SweepUnconfirmed, YoungKeySwept, CutoverUnconfirmed,
		WrongFieldInFile, ManifestOff, AnsweredIsReversed,
		RestoredNotHeld, FileOverwritten, RecoversUnnamed,
		SplitIgnoresSums, BrokenRecordHoldsAll, VoidEntersClosing, CarriedOnce, CarriedStays, NoSettlementPassed,
		STANsNotShared, ARNWraps, RRNStops, DE7Repeated,
		AnyoneCredits, CreditNotCleared,
		HangUpEndsCommit,
		ChargebackTwice, ResubmitNewARN, RepresentedTwice,
		RefusedSignOnTaken, CaptureAsNew, OtherClassDeclines, CodeMappedTwice, VoidWithoutOriginal,
		LateCapture, WindowForgotten, AutomaticTwice,
		RepeatedToday,
		ReleasedUnasked, RefusedNotCarried,
		TotalsOfAnotherDate, DifferenceAccepted,
	}
}

// Test is a test that finds a bug.
type Test struct{ Package, Name string }

// ByTest lists the bugs that no plan of the simulation can play, with the test that finds each.
func ByTest() map[Mutant]Test {
	return map[Mutant]Test{
		ForeignReversal: {"switchyard/issuer-sim", "TestMessages"}, // the switch sends no such reversal
		// A plan has not as many steps.
		DeclinedTakesRoom:    {"switchyard/switch/payment", "TestWhatCameToNothingTakesNoRoom"},
		VoidedStillCounts:    {"switchyard/switch/payment", "TestPlace"},
		NetworkIDWhenWritten: {"switchyard/switch/cutover", "TestAnswerAfterTheSeal"},
		DeliveredIsCarried:   {"switchyard/switch/cutover", "TestDeliveredThatCannotBeBuilt"},
		BackupUnchecked:      {"switchyard/switch/journal/pebble", "TestBackup"},          // nor does it damage a backup
		OldStretchNotAsked:   {"switchyard/switch/journal/pebble", "TestKeysInStretches"}, // a plan has not as many keys
		// Too few advices come together in a plan.
		EndOfAnother:     {"switchyard/switch/issuer/saf", "TestEachOfABatchHasItsOwnEnd"},
		RefusedIsStored:  {"switchyard/switch/issuer/saf", "TestEachOfABatchHasItsOwnEnd"},
		LogSampled:       {"switchyard/cmd/switchd", "TestNoLogLineIsLeftOut"},
		AnyHostDrives:    {"switchyard/switch", "TestOperatorKeepsWebPagesAway"},
		UnknownParameter: {"switchyard/switch", "TestOperatorParameters"},
		RoleForgotten:    {"switchyard/switch", "TestOperatorRoles"},
		ActNotRecorded:   {"switchyard/switch", "TestActs"},
		WindowVoided:     {"switchyard/switch", "TestWindowsOfADate"},
		NodeNotInFileID:  {"switchyard/switch", "TestNodeInFileID"},
		DE7Ahead:         {"switchyard/switch/issuer/identity", "TestStartsCostNoTime"},
		DamagedLogTaken:  {"switchyard/switch/journal/pebble", "TestDamagedNewestLog"},
		AnyDateAhead:     {"switchyard/switch/cutover", "TestManualCutover"},
		AgainIsDelivered: {"switchyard/switch/cutover", "TestPresentedAgainBehindADeliveredWindow"},
		DeliveredVoided:  {"switchyard/switch", "TestPutBackBeforeAWindow"},
		TakenForOwn:      {"switchyard/switch/cutover", "TestDeliveredAndNotInTheWindowAnyMore"},
		// An answer that is wrong in its amount alone changes no book: the issuer did what it was asked.
		AmountNotCompared:    {"switchyard/switch/issuer/link", "TestEchoes"},
		ConstantTakesMoney:   {"switchyard/spec/mapping", "TestWhatNoConstantMayBe"}, // the start refuses it
		FullHostWaitedFor:    {"switchyard/switch", "TestFullHostIsPassedOver"},
		ReturningLinkRefused: {"switchyard/switch/issuer/link", "TestHostThatClosesAfterEachAnswer"},
		ReservedSTANGiven:    {"switchyard/switch", "TestLateAnswerOfAnEarlierSTAN"}, // a plan has not as many STANs
		// An issuer of a plan refuses one advice and takes the next too seldom.
		RetryOvertaken: {"switchyard/switch/flow", "TestFlows"},
	}
}
