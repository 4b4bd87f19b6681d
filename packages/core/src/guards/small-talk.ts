/**
 * Words that carry no news: courtesy and acknowledgement, and the joints of sentences, in the languages that are heard most.
 * What is missing here counts as news once, and as none when it comes again, so that a language that is not here only takes a
 * few messages longer.
 */

/** Letters of a word by which its forms are one: thank, thanks, thankful. */
const stemLetters = 5;

/** Courtesy, agreement, farewell and readiness. A message with several of these and little else is small talk. */
const courtesy = `
thank thanks thx ty cheers welcome pleasure glad happy grateful gratitude appreciate appreciated kind kindly kindness lovely great
awesome excellent perfect wonderful amazing fantastic brilliant superb nice good best well done cool sweet super delighted honored honoured
absolutely indeed exactly agreed agree sure okay ok yes yep yeah right correct understood acknowledged acknowledge ack noted
received roger copy confirmed confirm likewise same mutual too also always anytime help helping helpful assist assistance support
need anything else further let know knows idea feel free reach ready available await awaiting standing by stand here look looking forward
hope enjoy day week weekend ahead bye goodbye farewell later soon care luck congratulations congrats hello hi hey greetings
regret forgive pardon excuse fault blame generous considerate offer
please sorry apologies worries problem mention collaboration collaborate collaborating together team teamwork partner
partnership effort efforts success successful journey inspire inspiring inspiration sentiment words wish wishes blessed
respect trust friend friendship bond spirit energy positive positivity excited exciting excitement truly really deeply
sincerely heartfelt warm warmly regards touch connect connected connection continue continued continuing conversation
dank danke danken bitte gern gerne freut freue freude vielen herzlich super prima toll klasse genau stimmt einverstanden verstanden
alles klar jederzeit hilfe helfen schön schoen schönen tag abend gruß gruss grüße wiedersehen tschüss bis bald ebenfalls ebenso gleichfalls ja
hallo perfekt wunderbar bestätigt bestaetigt erhalten zusammenarbeit wohl gut gute guten
merci remercie remercier beaucoup plaisir rien volontiers parfait super génial bravo accord entendu compris bien reçu ravi
heureux aide aider bonne bonjour bonsoir journée soirée revoir bientôt également pareillement oui avec
gracias agradezco agradecido mucho muchas placer nada gusto perfecto genial excelente vale claro entendido comprendido
recibido ayuda ayudar buen bueno buenas día tarde adiós hasta luego pronto igualmente encantado sí hola siempre
obrigado obrigada agradeço prazer perfeito ótimo otimo certo entendido recebido ajuda ajudar bom boa dia tchau logo igualmente sim
grazie prego piacere volentieri perfetto ottimo bene capito ricevuto aiuto aiutare buona giornata ciao presto altrettanto sì
dank bedankt graag gedaan fijn goed begrepen akkoord hulp dag tot ziens ook
спасибо благодарю пожалуйста рад рада отлично хорошо понял поняла понятно принято согласен помощь помочь удачи пока свидания взаимно да
dziękuję dzieki proszę świetnie dobrze rozumiem zgoda pomoc miłego dnia pozdrawiam tak
teşekkür teşekkürler ederim rica memnun harika tamam anladım yardım iyi günler görüşürüz evet
tack varsågod bra förstår hjälp hej tak fint kiitos hyvä
شكرا عفوا ممتاز حسنا धन्यवाद शुक्रिया स्वागत`;

/** Articles, pronouns, particles and auxiliary verbs. */
const joints = `
the and for are was were been being have has had having will would shall should can could may might must does did doing you your
yours our ours his her hers its their theirs them they this that these those with from into onto about over under than then
there where when what which who whom whose why how not but all any some each every both either neither nor only just very much
many more most such own per via out off again once still even ever never now get got getting make made makes making give given
take taken going come comes came want wants see seen say said says tell told think thought way thing things one two lot bit
maybe perhaps nothing none something someone somebody nobody whenever whatever itself
because since while though although however therefore thus hence upon without within between through
der die das den dem des ein eine einen einem einer und oder aber nicht auch noch nur schon sehr mit von für fuer auf aus bei nach
über ueber unter ich du er sie es wir ihr mir mich dir dich uns euch mein dein sein ist sind war waren wird werden hat haben
kann können koennen muss soll wenn dann dass weil als wie was wer wo hier dort
les des une est sont était dans sur sous pour par pas plus mais donc que qui quoi dont nous vous ils elles mon ton son mes tes
ses notre votre leur cette ces aux été être avoir fait faire tout tous toute toutes
los las una uno unos del por para con sin sobre que quien como pero más muy ser estar está este esta esto ese esa eso nos
mis tus sus todo todos toda
que para com sem por mais muito uma uns umas dos das nos seu sua isso este esta são foi
che per con non una gli delle della del dei sono questo questa anche molto più
het een van voor met niet maar dit dat zijn was ook wel
это что как для или его она они мне вас вам нас нам все так уже был была быть очень`;

const stemsOf = (list: string): ReadonlySet<string> =>
  new Set(
    list
      .trim()
      .split(/\s+/)
      .map((word) => stemOf(word)),
  );

/** The beginning of a word, by which its forms are one. */
export function stemOf(word: string): string {
  return word.slice(0, stemLetters);
}

const courtesyStems = stemsOf(courtesy);
const jointStems = stemsOf(joints);

/** Courtesy of languages that put no blanks between words. */
const unspaced =
  /谢谢|謝謝|感谢|感謝|不客气|不客氣|不用谢|好的|明白|收到|没问题|沒問題|很高兴|很高興|再见|再見|辛苦了|太好了|祝|ありがとうございます|ありがとうございました|ありがとう|どういたしまして|こちらこそ|了解しました|了解です|承知しました|承知いたしました|よろしくお願いします|よろしくお願いいたします|お疲れ様です|お疲れ様でした|はい|감사합니다|고맙습니다|천만에요|알겠습니다|확인했습니다|좋습니다|네|ขอบคุณ|ยินดี/gu;

export const isCourtesy = (stem: string): boolean => courtesyStems.has(stem);
export const isJoint = (stem: string): boolean => jointStems.has(stem);

/** Takes such courtesy out, and says how often it was there. */
export function withoutUnspacedCourtesy(text: string): { readonly text: string; readonly count: number } {
  let count = 0;
  const rest = text.replaceAll(unspaced, () => {
    count++;
    return " ";
  });
  return { text: rest, count };
}
