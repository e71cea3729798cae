// Package binding reads the input of a gin handler strictly: nothing a handler's
// type does not declare gets in, and every fault of a request is named.
//
//	in, err := binding.JSON[CreateUser](c)
//	if err != nil {
//		binding.Abort(c, err)
//		return
//	}
//
// A JSON document is looked through first and decoded second. The look enforces
// the limits of [Options] and the rules that no decoder knows (presence, null,
// read-only members); then encoding/json/v2's semantics decide, with unknown and
// duplicate members refused. Only a document that failed either is walked through
// once more, to list all its faults.
//
// # Struct tags
//
// json, form, uri and header name a member in its source; a field without a
// source's tag cannot be set from there. binding holds rules of validator.v10 and
// keeps its meaning. strict adds, separated by commas:
//
//	required   the member must be present; false, 0 and "" are values
//	optional   it may be absent even with Options.RequireAll
//	readonly   it must not be present
//	nullable   null is allowed, and is the zero value
//	trim       white space around the text is removed before rules apply
//	nfc        the text is brought to Unicode normalisation form C
//	lower      the text is brought to lower case
//
// # Codes
//
// A refusal is an [Error]. Those of a request that was not read on have a code and
// no issues:
//
//	415  unsupported_media_type unsupported_charset unsupported_content_encoding
//	413  body_too_large file_too_large
//	408  body_timeout
//	400  body_unreadable
//	500  internal_error (a mistake of the program: see Check)
//
// All others have the code invalid_payload, the status 400 (or
// Options.ValidationStatus when only rules failed), and issues with the codes
//
//	empty_body malformed_json invalid_utf8 byte_order_mark trailing_data
//	duplicate_field unknown_field missing_field read_only_field null_not_allowed
//	type_mismatch number_out_of_range number_too_long string_too_long
//	wrong_length invalid_value forbidden_character too_deep too_many_values
//	unknown_parameter repeated_parameter repeated_field malformed_query
//	malformed_form too_many_parameters too_many_parts file_type_not_allowed
//	rule.<tag of the rule>
//
// These codes, and "ok", are the reasons of audit events as well.
package binding
