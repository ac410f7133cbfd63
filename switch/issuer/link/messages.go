package link

import "switchyard/spec"

// Messages are the network messages that a link sends, each with all that it may carry: a dialect that does not pack
// one of them keeps no link.
func Messages() []*spec.Message {
	request, answer := new(spec.Message), new(spec.Message)
	request.SetMTI(mtiNetworkRequest)
	answer.SetMTI(mtiNetworkResponse)
	for _, m := range []*spec.Message{request, answer} {
		m.Set(deDateTime, "1231235959")
		m.SetUint(deSTAN, 999999, 6)
		m.Set(deAcquirer, "12345678901")
		m.Set(deNetworkCode, codeEcho)
	}
	answer.Set(deForwarder, "12345678901")
	answer.Set(deResponseCode, responseApproved)
	return []*spec.Message{request, answer}
}
