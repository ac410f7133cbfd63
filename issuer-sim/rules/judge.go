package rules

import (
	"math"
	"slices"
	"time"

	"switchyard/issuer-sim/message"
	"switchyard/spec"
)

// Judge holds the rules against a financial message.
func (rs *Rules) Judge(r *message.Request, seed uint64, tries uint8, now time.Time) Verdict {
	h := r.Moment.Hash(seed, &r.RRN) + uint64(tries)
	return rs.verdict(h, now, func(one *rule) bool { return one.fits(r) })
}

// JudgeNetwork holds them against a network management message: rules that ask for a card, a merchant, an amount or a
// currency do not fit.
func (rs *Rules) JudgeNetwork(r *message.Request, m *spec.Message, seed uint64, now time.Time) Verdict {
	signOn := string(m.Bytes(70)) == "001"
	v := rs.verdict(r.Moment.Hash(seed, &r.RRN), now, func(one *rule) bool {
		if one.fault == faultRefuseSignOn {
			return signOn
		}
		return !one.scoped() && slices.Contains(one.mtis, "0800")
	})
	if v.Fault == faultRefuseSignOn && v.Code == (message.Code{}) {
		v.Code = message.CodeOf(message.CodeUnavailable)
	}
	return v
}

// verdict gathers what the rules that fit say; h is what the message draws from.
func (rs *Rules) verdict(h uint64, now time.Time, fits func(*rule) bool) (v Verdict) {
	elapsed := now.Sub(rs.begun)
	for n := range rs.rules {
		one := &rs.rules[n]
		if !one.active(elapsed) || !fits(one) {
			continue
		}
		draw := message.Mix(h ^ message.Mix(uint64(n)+1))
		if one.probability < 1 && unit(draw) >= one.probability {
			continue
		}
		if v.Code == (message.Code{}) {
			v.Code = one.code
		}
		if v.Latency == 0 && one.latency.draw != nil {
			v.Latency = one.latency.of(message.Mix(draw))
		}
		if v.Fault == FaultNone {
			v.Fault, v.Delay = one.fault, one.delay
		}
	}
	return v
}

// JudgeAccept tells whether a connection, by its number, is to be met with silence.
func (rs *Rules) JudgeAccept(number, seed uint64, now time.Time) bool {
	v := rs.verdict(message.Mix(seed^message.Mix(number)), now, func(one *rule) bool { return one.fault == FaultSilence })
	return v.Fault == FaultSilence
}

// Misread returns the fault by which the issuer reads another card than the request names, as a host does whose packing
// of DE2 is not its sender's; FaultNone if it reads the right one. A card is read alike in all messages that a rule is
// for: what is drawn from is the card.
func (rs *Rules) Misread(r *message.Request, seed uint64, now time.Time) (fault string) {
	if !rs.misreads {
		return FaultNone
	}
	v := rs.verdict(message.Mix(seed^message.Mix(uint64(r.Card))), now, func(one *rule) bool {
		return one.misreads() && one.concerns(r)
	})
	return v.Fault
}

// misreads tells whether the rule is about how a card is read.
func (r *rule) misreads() bool { return r.fault == FaultMisread || r.fault == faultMisreadSilent }

// unit is a number from 0 up to 1, without 1.
func unit(draw uint64) float64 { return float64(draw>>11) / (1 << 53) }

func (r *rule) active(elapsed time.Duration) bool {
	if elapsed < r.after || r.until != 0 && elapsed >= r.until {
		return false
	}
	return r.every == 0 || (elapsed-r.after)%r.every < r.span
}

// scoped tells whether the rule asks for what only financial messages have.
func (r *rule) scoped() bool {
	return len(r.bins)+len(r.pans)+len(r.merchants)+len(r.currencies) > 0 ||
		r.from != 0 || r.to != math.MaxInt64 || r.unit != 0
}

func (r *rule) fits(q *message.Request) bool {
	return r.fault != faultRefuseSignOn && r.fault != FaultSilence && !r.misreads() && r.concerns(q)
}

// concerns tells whether the rule is for a message, whatever its fault.
func (r *rule) concerns(q *message.Request) bool {
	if len(r.mtis) > 0 && !slices.Contains(r.mtis, q.MTI) {
		return false
	}
	if len(r.bins) > 0 && !slices.ContainsFunc(r.bins, q.Card.HasPrefix) {
		return false
	}
	if len(r.pans) > 0 && !slices.Contains(r.pans, q.Card) {
		return false
	}
	if len(r.merchants) > 0 && !slices.Contains(r.merchants, q.Merchant) {
		return false
	}
	if len(r.currencies) > 0 && !slices.Contains(r.currencies, q.Currency) {
		return false
	}
	return q.Amount >= r.from && q.Amount <= r.to && (r.unit == 0 || q.Amount%r.unit == r.ends)
}
