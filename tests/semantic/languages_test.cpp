// Spanish, Russian and Romanian with an encoder that knows English: words alone
// judge, whatever the cosine. Of each pair both ways.
#include <gtest/gtest.h>

#include "src/semantic/gate.hpp"
#include "tests/semantic/veto_of.hpp"

namespace llm::semantic {
namespace {

bool served(const char* a, const char* b, double cosine, EncoderKind kind) {
    auto passes = [&](const char* query, const char* stored) {
        Verdict v = judge().judge(query, stored, cosine, kind);
        return v.veto.empty() && v.probability_ppm >= kDefaultPrecisionPpm;
    };
    return passes(a, b) || passes(b, a);
}

TEST(Languages, wordings_of_one_question_are_served) {
    for (auto [a, b] :
         {std::pair{"¿Cómo puedo borrar mi cuenta?", "¿Cómo elimino mi cuenta?"},
          {"¿Cómo reinicio el router?", "¿Qué hago para reiniciar el router?"},
          {"He olvidado mi contraseña, ¿qué hago?",
           "¿Qué hago si olvidé mi contraseña?"},
          {"¿Cuál es el precio del plan anual?", "precio plan anual"},
          {"¿Hay aparcamiento en el hotel?", "¿Tiene el hotel aparcamiento?"},
          {"Как удалить аккаунт?", "Как удалить учётную запись?"},
          {"Какая высота у Эльбруса?", "Какова высота Эльбруса?"},
          {"Сколько стоит доставка?", "Какова стоимость доставки?"},
          {"Как установить приложение на телефон?",
           "Как поставить приложение на телефон?"},
          {"Cum repornesc routerul?", "Cum restartez routerul?"},
          {"Ce metode de plată acceptați?", "Ce modalități de plată acceptați?"},
          {"Cum contactez asistența?", "Cum iau legătura cu asistența?"}}) {
        for (EncoderKind kind : {EncoderKind::kMinilm, EncoderKind::kStatic}) {
            EXPECT_TRUE(served(a, b, 0.78, kind)) << a << " / " << b;
        }
    }
}

TEST(Languages, look_alikes_are_not) {
    for (auto [a, b] :
         {std::pair{"¿Cómo elimino un mensaje para mí?",
                    "¿Cómo elimino un mensaje para todos?"},
          {"¿Puedo devolverlo en otra tienda?",
           "¿Puedo devolverlo en la misma tienda?"},
          {"¿Quién es el padre de Luke?", "¿De quién es padre Luke?"},
          {"¿Cuándo llegó mi paquete?", "¿Cuándo llegará mi paquete?"},
          {"¿Solo aceptan efectivo?", "¿Aceptan efectivo?"},
          {"Обязательно ли регистрироваться?",
           "Необязательно ли регистрироваться?"},
          {"Сколько ехать до Москвы?", "Сколько ехать от Москвы?"},
          {"Как вывести деньги на карту?", "Как вывести деньги с карты?"},
          {"Как удалить сообщение у себя?", "Как удалить сообщение у всех?"},
          {"Когда придёт зарплата?", "Когда пришла зарплата?"},
          {"Сколько живёт кот?", "Сколько живёт кит?"},
          {"Какая поддержка работает?", "Как поддержка работает?"},
          {"Как одолжить деньги другу?", "Как одолжить деньги у друга?"},
          {"Какой паспорт нужен?", "Нужен ли паспорт?"},
          {"Сколько берут за багаж?", "Берут ли за багаж?"},
          {"Есть ли самый дешёвый тариф?", "Есть ли дешёвый тариф?"},
          {"¿El vuelo es directo?", "¿Cuál es el vuelo directo?"},
          {"¿Es la batería original?", "¿Era la batería original?"},
          {"Câte grame are o uncie?", "Câte uncii are un gram?"},
          {"Cum transfer bani de pe card în cont?",
           "Cum transfer bani din cont pe card?"},
          {"Cum împrumut bani unui prieten?",
           "Cum împrumut bani de la un prieten?"},
          {"Când a ajuns coletul?", "Când va ajunge coletul?"}}) {
        for (EncoderKind kind : {EncoderKind::kMinilm, EncoderKind::kStatic,
                                 EncoderKind::kLexical}) {
            EXPECT_FALSE(served(a, b, 0.99, kind)) << a << " / " << b;
        }
    }
}

TEST(Languages, forms_are_found_with_accents_and_without) {
    EXPECT_EQ(veto("Ce mănânc înainte de antrenament?",
                   "Ce să mănânc înainte de antrenament?"), "");
    for (auto [a, b] :
         {std::pair{"Cum pot învăța limba germană?",
                    "Cum învăț limba germană?"},
          {"Cum pot invata limba germana?", "Cum învăț limba germană?"},
          {"¿Puedo enviar un paquete a Lima?",
           "¿Se puede que envíe un paquete a Lima?"}}) {
        EXPECT_TRUE(served(a, b, 0.8, EncoderKind::kMinilm)) << a;
    }
}

TEST(Languages, a_slip_is_counted_in_letters) {
    EXPECT_TRUE(served("Как отменить подписку на журнал?",
                       "Как отменить подпску на журнал?", 0.9,
                       EncoderKind::kMinilm));
}

TEST(Languages, cosines_count_where_the_model_knows_the_language) {
    const char* a = "How do I delete my account?";
    const char* b = "How can I remove my account?";
    EXPECT_TRUE(served(a, b, 0.95, EncoderKind::kMinilm));
    EXPECT_FALSE(served(a, b, 0.75, EncoderKind::kMinilm));
    const char* c = "¿Cómo puedo borrar mi cuenta?";
    const char* d = "¿Cómo elimino mi cuenta?";
    EXPECT_FALSE(served(c, d, 0.8, EncoderKind::kRemote));

    EXPECT_EQ(weights_of(EncoderKind::kStatic, Language::kRussian),
              EncoderKind::kWords);
    EXPECT_EQ(weights_of(EncoderKind::kMinilm, Language::kEnglish),
              EncoderKind::kMinilm);
    EXPECT_EQ(weights_of(EncoderKind::kRemote, Language::kSpanish),
              EncoderKind::kRemote);
    // no encoder is of this kind, whatever a model is called
    EXPECT_EQ(encoder_kind("words"), EncoderKind::kRemote);
}

TEST(Languages, how_long_it_takes_is_not_the_time_of_day) {
    const Lists& lists = judge().lists();
    EXPECT_EQ(gate_text("Сколько времени занимает доставка?", {}, lists), "");
    EXPECT_EQ(gate_text("Сколько времени?", {}, lists), "gate:freshness");
}

}  // namespace
}  // namespace llm::semantic
