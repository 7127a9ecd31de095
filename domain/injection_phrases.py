"""The wordings by which a text tries to command a model, as patterns over text in plain small letters."""

import re

_MODEL = (
    r"(?:ai|a\.i\.|llms?|assistants?|language models?|chat ?bots?|gpt(?:-\d)?|chatgpt|claude|gemini|copilot|"
    r"ai agents?|models?)"
)
_ORDERS = (
    r"(?:instructions?|prompts?|rules|guidelines?|directions|commands?|directives?|polic(?:y|ies)|constraints?|"
    r"orders|restrictions|"
    r"programming|training|guardrails|safeguards|context|conversation)"
)
_DROP = (
    r"(?:ignore|disregard|forget|override|overrule|bypass|neglect|discard|circumvent|set aside|"
    r"(?:do not|don't|dont|stop|cease) (?:follow|obey|listen|comply)\w*(?: to| with)?|pay no attention to|"
    r"take no notice of)"
)
_WHOSE = (
    r"(?:all|any|the|your|my|these|those|every|previous|prior|above|earlier|preceding|foregoing|former|system|"
    r"original|initial|"
    r"existing|current|safety|developer|past|other|of|and|what|everything|said|written|that|came|before|were|was|given|"
    r"you|have|been|this|content|so|far|old|default|hidden|standing)"
)
OVERRIDE = re.compile(
    rf"\b{_DROP}(?:[\s,:\"'*_-]{{1,3}}{_WHOSE}){{1,7}}?[\s,:\"'*_-]{{1,3}}{_ORDERS}\b"
    rf"|\b{_DROP}\s(?:everything|anything|all|whatever)\s(?:that\s)?(?:(?:you\s)?(?:\w+\s){{0,3}})?(?:above|before|"
    rf"told|earlier|said|previously|learned)\b"
    rf"|\b{_DROP}\s(?:the\s)?(?:above|foregoing)\s(?:and|text|instead)\b"
)
"""Counts only where it is said as an order: see `ordered`."""
_HELD_BACK = re.compile(
    r"(?:\b(?:not|never|don't|doesn't|didn't|cannot|can't|won't|often|sometimes|who|they|people|patients|drivers|"
    r"users|we|i|staff|"
    r"that|which|(?:if|when|unless|because|once|where) (?:you|users|they|we))(?:\s(?:ever|simply|just|always|to))?\s)$"
)

PHRASES = tuple(
    re.compile(pattern)
    for pattern in (
        r"\byou are (?:now|no longer|going to (?:be|act))\b[^.\n]{0,40}?\b(?:mode|ai|assistant|model|dan|bot|hacker|"
        r"unrestricted|"
        r"character|persona|jailbroken|free|bound|limited|chatbot|pirate|root|admin\w*|unfiltered|evil|different|"
        r"expert)\b",
        r"\b(?:act|behave|respond|answer|operate|speak|role-?play) as (?:if you (?:were|are|had)|though you|"
        r"an? (?:unrestricted|"
        r"unfiltered|jailbroken|evil|uncensored|different ai|hacker|system|root|linux|terminal)|dan\b|the system\b|"
        r"root\b|my )",
        r"\bpretend (?:to be|that you|you (?:are|have)|there (?:is|are))\b",
        r"\b(?:from now on|from this point(?: on| forward)?|henceforth|starting now|for the rest of this (?:chat|"
        r"conversation|session))"
        r",? (?:you|your|always|only|all (?:your )?(?:answers|replies|responses)|respond|answer|reply|speak|ignore|"
        r"call|the assistant)\b",
        r"\b(?:developer|dan|god|jailbreak|sudo|admin|debug|maintenance|unrestricted|evil|root) mode\b[^.\n]{0,30}"
        r"\b(?:on|enabled?|activated?|engaged|you|unlocked|now)\b",
        r"\b(?:enable|activate|enter|switch (?:in)?to|go into|unlock) (?:the )?(?:developer|dan|god|jailbreak|sudo|"
        r"admin|unrestricted) mode\b",
        r"\bdo anything now\b|\bjailbreak(?:ed|ing)?\b[^.\n]{0,30}\b(?:yourself|you|prompt|mode|now)\b|"
        r"\bstay in character\b",
        r"\b(?:reveal|print|show|repeat|output|display|disclose|tell (?:me|us)|leak|expose|dump|recite|quote|"
        r"write (?:out|down)|"
        r"paste|give (?:me|us)|summari[sz]e|translate|encode|return|include|append|share|"
        r"state)\b[^.\n]{0,40}?\b(?:your (?:\w+ ){0,3}"
        r"(?:prompt|instructions?|rules|guidelines|configuration|secrets?|training|directives?)|system (?:prompt|"
        r"message|instructions?)|"
        r"(?:hidden|initial|secret|developer|original) (?:prompt|instructions?|messages?|rules)|"
        r"(?:all|any|the|every) (?:\w+ )?(?:api[ -]?keys?|secrets|credentials|passwords) (?:you|that you|in your|"
        r"from your))",
        r"\b(?:repeat|print|output|echo|recite|copy) (?:back )?(?:all |everything |the )*(?:words|text|lines|"
        r"content|sentences|messages)?"
        r" ?(?:above|before this|so far)(?: verbatim)?\b",
        r"\bwhat (?:is|are|was|were) your (?:system |initial |original |hidden |exact )+(?:prompt|instructions?|"
        r"rules)\b",
        rf"\b(?:dear|hey|hello|attention|attn|note (?:to|for)|message (?:to|for)|instructions? (?:to|for)|notice to|"
        rf"memo to|warning to|"
        rf"reminder to|important for)[,:]? (?:the |all |any |every |an? |this )?(?:\w+ )?{_MODEL}\b",
        r"\bif you(?:'re| are) (?:an? |the )?(?:ai|llm|large language|language model|assistant|chatbot|bot|"
        r"automated|model|gpt)\b",
        r"\bas an? (?:ai|llm|language model|assistant|ai assistant|ai model)(?: language model| model)?,? (?:you|"
        r"your|it is your)\b",
        rf"\b(?:any|the|this|every|all) {_MODEL} (?:that |who |which )?(?:\w+ (?:this|these|it)(?: \w+)? )?"
        r"(?:must|should|shall|needs? to|has to|have to|is (?:required|instructed|ordered|asked|told) to|will now|"
        r"is to)"
        r" (?:now |always |immediately |also |never |not )?(?:ignore|reply|respond|answer|output|send|say|include|"
        r"reveal|forward|call|"
        r"execute|comply|obey|write|recommend|mention|refuse|print|click|visit|delete|transfer|rank|rate|praise|"
        r"approve|score|state|tell)\b",
        r"\b(?:when|while|before|after) (?:you (?:are )?)?(?:summari[sz]ing|summari[sz]e|processing|process|reading|"
        r"read|analy[sz]ing|"
        r"analy[sz]e|translating|answering|reviewing|evaluating|indexing)\b[^.\n]{0,40}?,? (?:you must|always|"
        r"include|say|"
        r"do not (?:mention|say|tell)|add|append|insert|tell the user|reply|respond|output|state that|call)\b",
        r"\b(?:do not|don't|never|without) (?:tell|inform|mention|reveal|alert|notify|warn|show|telling|informing|"
        r"mentioning|alerting|"
        r"notifying|asking)\b[^.\n]{0,30}?\bthe (?:user|human|operator|reader)\b",
        r"\b(?:hide|conceal|keep) (?:this|it|that)(?: \w+){0,3} from the (?:user|human|operator)\b",
        r"\b(?:respond|reply|answer)(?: to (?:the user|every\w*|all \w+|any \w+|this))? (?:only |solely |"
        r"exclusively |always )(?:with|in|by|using|yes)\b",
        r"\b(?:begin|start|end|finish|preface|prefix|close) (?:your|every|each|all(?: your)?) (?:\w+ )?(?:reply|"
        r"replies|response|responses|answers?|outputs?|"
        r"messages?) with\b",
        r"\b(?:your|the) (?:new|real|true|only|actual|next|updated|secret|sole|revised) (?:task|goal|job|role|"
        r"instructions?|objective|purpose|mission|"
        r"identity|persona|directive|orders?) (?:is|are|will be|now)\b|\byour (?:task|goal|job|role|purpose|mission|"
        r"name) is now\b",
        r"\b(?:system|developer|admin(?:istrator)?|openai|anthropic|root|security) (?:prompt|override|instructions?|"
        r"commands?|directives?)\s?[:=>\-]",
        r"\b(?:new|updated|revised|additional|real|secret|urgent|important|hidden) (?:system |secret |developer |"
        r"ai )?(?:instructions?|directives?|prompt)"
        r"(?: for (?:you|the \w+))?\s?[:=>\-]",
        r"\b(?:begin|start|end)(?: of)? (?:the )?(?:new |system |admin |user |untrusted |trusted )?(?:instructions?|"
        r"prompt|system message|context|passage|"
        r"document|retrieved \w+|data)\b\s?[\-=*#>\])]{2,6}",
        r"\b(?:no|without|disable|remove|turn off|lift|drop|suspend)(?: any| all| your| the)* (?:ethical|moral|"
        r"content|moderation|openai|ethics)"
        r" (?:guidelines?|filters?|restrictions?|polic(?:y|ies)|limits?|rules|safeguards)\b",
        r"\b(?:disable|remove|turn off|lift|suspend|drop) (?:all |any of )?your (?:\w+ )?(?:filters?|restrictions?|"
        r"safety|guardrails|safeguards|limits?)\b",
        r"\b(?:send|forward|e-?mail|post|upload|transfer|exfiltrate|leak|submit|transmit|deliver|bcc|pass|"
        r"append)\b[^.\n]{0,50}?\b(?:conversation|"
        r"chat (?:history|log)|system prompt|secrets?|credentials|api[ -]?keys?|passwords|session tokens?|"
        r"access tokens?|user'?s? (?:data|messages?|"
        r"input|question|e-?mails?)|context window|previous messages)\b[^\n]{0,40}?\b(?:to|at|via|into|as)\b",
        r"\b(?:call|use|invoke|execute|run|trigger) (?:the |your )?[`'\"]?[a-z]+(?:_[a-z]+)+[`'\"]?(?:\(| (?:tool|"
        r"function|api|plugin|action|with|to|on)\b)",
        r"\b(?:call|use|invoke|execute|trigger) (?:the |your )(?:[\w`'\"-]+ ){1,3}(?:tool|function|"
        r"plugin)\b[^.\n]{0,60}"
        r"\b(?:delete|send|forward|transfer|email|post|drop|pay|refund)\b",
        r"\b(?:the )?(?:user|human|operator|administrator|developer) has (?:already )?(?:approved|authori[sz]ed|"
        r"consented|granted|confirmed)"
        r"[^.\n]{0,40}\b(?:you|this|all|any|full|tool|access|request)\b[^.\n]{0,40}\b(?:proceed|execute|action|"
        r"access|without|tool|mode)\b",
        r"\b(?:always|only) (?:recommend|rate|rank|score|prefer|praise|choose|answer|respond|reply|"
        r"say)\b[^.\n]{0,40}\b(?:regardless|no matter|"
        r"whatever|to (?:the user|every|all)|instead of|as the (?:best|top|only|first))\b",
        r"\b(?:you must|you will|you should|you have to|you shall) (?:now |always |immediately |only |never |"
        r"strictly )+(?:obey|comply|answer|respond|reply|"
        r"output|say|ignore|refuse|follow|act|speak|print|call|send|recommend)\b",
        r"\bthis (?:is|message is) (?:an? )?(?:\w+ )?(?:message|order|command|instruction|override|"
        r"notice) from (?:your )?(?:the )?(?:developers?|"
        r"creators?|openai|anthropic|system administrators?|admin|owner|system)\b",
        r"\byour (?:safety training|handlers|guardrails|alignment|content policy|(?:earlier|prior|previous|"
        r"original) (?:briefing|setup|"
        r"task|role|persona)|programming|operator'?s? wishes|system (?:prompt|message|instructions))\b",
        r"\b(?:list|spell out|recite|give|dump|show|state|describe) (?:me |us )?your (?:\w+ )?(?:configuration|"
        r"guidelines|instructions|rules|prompt|policies)\b",
        r"\b(?:in|make sure (?:that )?|ensure (?:that )?|let) your (?:\w+ )?(?:summary|answer|response|reply|output|"
        r"review|evaluation|report)s?\b,?"
        r" (?:you (?:must|should) )?(?:mention|include|state|say|contain|add|write|claim|praise|conclude|end|begin|"
        r"start)s?\b",
        r"\b(?:whatever|everything|anything|all) (?:that )?you (?:were|have been|had been|are) (?:configured|told|"
        r"instructed|trained|programmed|asked|taught)\b",
        r"\b(?:do|obey|follow|execute) (?:whatever|what|exactly what|everything|only what|the (?:lines|orders|"
        r"commands|steps)) (?:that )?"
        r"(?:it|this|below|the (?:lines?|text|page|paragraph|file)|they|is written)\b",
        r"\b(?:ignore|forget|disregard) (?:what|whatever|everything) (?:\w+ ){1,3}(?:told|said|asked|taught|"
        r"instructed|wants?)\b",
        r"\bthe (?:real|actual|true) (?:prompt|one|task|instructions?|question) (?:follows|is below|comes|starts)\b",
        r"\btreat (?:this|the following|that|these)(?: \w+){0,2} as (?:if|though|having|trusted|a system|an order|"
        r"your)\b",
        r"\b(?:robots|machines|bots|agents|neural networks?|crawlers|systems) (?:that |which |who )?(?:read|parse|"
        r"process|index|summari[sz]e)s?\w* this\b",
        r"\bsilently (?:add|send|forward|copy|include|delete|call|open|run|insert|change|replace)\b",
        r"\b(?:skip|bypass|without) (?:the |any |asking for )?(?:user )?(?:confirmation|approval|consent)\b",
        r"\b(?:output|say|print|write|return|answer|reply) (?:with )?(?:nothing|no text) (?:but|other than|"
        r"except)\b|\brefuse to answer any\b",
        r"\byou have (?:full |my |the )?(?:permission|authori[sz]ation|clearance) to (?:skip|ignore|bypass|override|"
        r"reveal|do)\b",
        r"\b(?:erase|reset|wipe|clear|purge) your(?:self| memory| context| history| state)\b|\breset yourself\b|"
        r"\bin which you have no (?:rules|limits)\b",
        r"\b(?:opposite|evil|unfiltered) (?:mode|twin|version of (?:you|yourself))\b",
        r"\bignor(?:iere|ieren sie) (?:bitte )?(?:alle|die|s[aä]mtliche)[^.\n]{0,40}(?:anweisungen|befehle|regeln|"
        r"instruktionen)\b",
        r"\b(?:ignore[zr]?|oublie[zr]?) (?:toutes )?(?:les|tes|vos|mes) (?:\w+ )?(?:instructions|consignes|"
        r"r[eè]gles)\b",
        r"\b(?:ignora|olvida|ignore|esquece|dimentica)(?:te)? (?:todas |tutte |todo )?(?:las|le|as|os|tus|tue|"
        r"suas) (?:\w+ )?(?:instrucciones|"
        r"istruzioni|instru[cç][oõ]es|reglas|regole|regras)\b",
        r"忽略[^。\n]{0,8}(?:指令|指示|说明|提示|规则)|無視[^。\n]{0,6}|(?:これまで|以前|上記)の(?:指示|命令)[^。\n]{0,6}無視",
        r"(?:игнорируй(?:те)?|забудь(?:те)?) [^.\n]{0,30}(?:инструкци|указани|правила)",
    )
)


def ordered(text: str, at: int) -> bool:
    """True when what stands at the place is an order, and not a tale such as `patients often ignore the rules`."""
    return _HELD_BACK.search(text[max(0, at - 40) : at]) is None
