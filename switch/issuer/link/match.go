package link

import (
	"time"

	"switchyard/internal/mutant"
	"switchyard/spec"
)

// Match is the identity of a request: what its response must carry to complete it (I10).
type Match struct {
	// MTI of the request. The response has the same version and class and the function of its response (0220 and 0221:
	// 0230); the last digit, who first sent it, is not compared.
	MTI string
	// STAN (DE11), 1 to 999999, and DE7, MMDDhhmmss.
	STAN uint32
	DE7  string
	// RRN (DE37), Terminal (DE41, without padding) and Currency (DE49, three digits) are compared where they are not
	// empty.
	RRN, Terminal, Currency string
	// AmountMinor is DE4, compared if CheckAmount is set: the response's must be equal, or may be lower with DE39 10.
	AmountMinor int64
	CheckAmount bool
	// Carried is what else of the request an answer is held against; see Carries.
	carried
	echoes Echoes // what the answer must repeat; the host's
	// Deadline, if set, ends Send with ErrNoAnswer as the end of ctx does, but costs no timer a request: a sweep finds the
	// requests that are due, sweepStep late at the most.
	Deadline time.Time
}

// The DEs that are compared; also what the explanation of a stray response names.
const (
	deMTI          = 0
	deCard         = 2
	deProcessing   = 3
	deAmount       = 4
	deDateTime     = 7
	deSTAN         = 11
	deTime         = 12
	deExpiry       = 14
	deAcquirer     = 32
	deForwarder    = 33
	deTrack2       = 35
	deRRN          = 37
	deResponseCode = 39
	deTerminal     = 41
	deCurrency     = 49
	deNetworkCode  = 70

	// deNone is no DE: nothing differs.
	deNone = -1
)

// partialApproval is the one response code (DE39) with which a host may answer a lower amount.
const partialApproval = "10"

// codeInProgress is the response code (DE39) by which a host says that it works on a request still, as to a repeat.
const codeInProgress = "09"

// differs returns the first DE in which r is not the response to the request, deNone if it is.
func (m *Match) differs(r *spec.Message) int {
	mti := r.MTIBytes()
	switch {
	case mutant.On(mutant.MatchBySTAN) && m.sameSTAN(r):
		return deNone
	case len(mti) != 4 || len(m.MTI) != 4 || mti[0] != m.MTI[0] || mti[1] != m.MTI[1] || mti[2] != m.MTI[2]+1:
		return deMTI
	case !m.sameSTAN(r):
		return deSTAN
	case !m.echoes.without(deDateTime) && string(r.Bytes(deDateTime)) != m.DE7:
		return deDateTime
	case m.RRN != "" && !m.echoes.without(deRRN) && string(r.Bytes(deRRN)) != m.RRN:
		return deRRN
	case m.Terminal != "" && !m.echoes.without(deTerminal) && string(r.Bytes(deTerminal)) != m.Terminal:
		return deTerminal
	case m.Currency != "" && !m.echoes.absent(r, deCurrency) && string(r.Bytes(deCurrency)) != m.Currency:
		return deCurrency
	case m.CheckAmount && !m.echoes.absent(r, deAmount) && !m.sameAmount(r) &&
		!(mutant.On(mutant.AmountNotCompared) && m.echoes.without(deAmount)):
		return deAmount
	case m.time != 0 && m.echoes.with(deTime) && !m.sameTime(r.Bytes(deTime)):
		return deTime
	case m.code != 0 && m.echoes.with(deProcessing) && !r.Has(deProcessing):
		return deProcessing
	case m.card != 0 && m.echoes.with(deCard) && !r.Has(deCard):
		return deCard
	case mutant.On(mutant.MatchIgnoresCard):
	case !m.sameProcessing(r.Bytes(deProcessing)):
		return deProcessing
	case !m.sameCard(r.Bytes(deCard)):
		return deCard
	}
	return deNone
}

func (m *Match) sameSTAN(r *spec.Message) bool {
	stan, ok := r.Uint(deSTAN)
	return ok && stan == uint64(m.STAN)
}

func (m *Match) sameAmount(r *spec.Message) bool {
	amount, ok := r.Uint(deAmount)
	if !ok || m.AmountMinor < 0 || amount > uint64(m.AmountMinor) {
		return false
	}
	return amount == uint64(m.AmountMinor) || string(r.Bytes(deResponseCode)) == partialApproval
}

// likeness counts the fields that r has in common with the request, to find the nearest one.
func (m *Match) likeness(r *spec.Message) (n int) {
	for _, same := range [...]bool{
		m.sameSTAN(r),
		string(r.Bytes(deDateTime)) == m.DE7,
		m.RRN != "" && string(r.Bytes(deRRN)) == m.RRN,
		m.Terminal != "" && string(r.Bytes(deTerminal)) == m.Terminal,
		m.CheckAmount && m.sameAmount(r),
	} {
		if same {
			n++
		}
	}
	return n
}

// isRequest tells whether a message asks (0100, 0220, 0800) rather than answers (0110, 0230, 0810).
func isRequest(r *spec.Message) bool {
	mti := r.MTIBytes()
	return len(mti) == 4 && mti[2]%2 == 0
}
